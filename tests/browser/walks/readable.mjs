// Every page that a fan may stand before can be read: with weak eyes, on a narrow screen, by a
// screen reader.

import { openBrowser, openTab } from '../kit/browser.mjs';
import { queueUp } from '../kit/fan.mjs';
import { startGateway } from '../kit/gateway.mjs';
import { startLive } from '../kit/live.mjs';
import { isReadable } from '../kit/readable.mjs';

const room = (path, more = '') =>
  `paths = ["/${path}/*"]\n${more}\n[pace]\nper_minute = 1\n[capacity]\nactive = 10\n`;

const ROOMS = {
  open: room('open'),
  drawn: room('drawn'),
  paused: room('paused'),
  shut: room('shut'),
  over: room('over'),
  sold: room('sold'),
  full: room('full', 'max_waiting = 1'),
  nobody: 'paths = ["/nobody/*"]\nmethod = "reject"\n',
};

/** What is seen where, in the order of a sale. */
const PAGES = [
  ['drawn', 'drawing'],
  ['open', 'waiting'],
  ['paused', 'paused'],
  ['shut', 'closed'],
  ['over', 'ended'],
  ['sold', 'sold_out'],
  ['full', 'full'],
  ['nobody', 'reject'],
];

async function house(world) {
  const { url } = await startLive(world);
  const gateway = await startGateway(world, { origin: url, rooms: ROOMS });
  const soon = new Date(Date.now() + 4000).toISOString();
  const now = new Date().toISOString();
  await gateway.room('open', 'drawn', '--prequeue-at', now, '--opens-at', soon, '--external-source', 'the lottery');
  for (const name of ['open', 'paused', 'over', 'sold', 'full']) await gateway.room('open', name);
  await gateway.room('pause', 'paused');
  await gateway.room('close', 'over', '--end');
  await gateway.room('stock', 'sold', '0');
  await queueUp(gateway, 'open', 2);
  await queueUp(gateway, 'full', 1);
  return gateway;
}

export async function everyPage(world) {
  const gateway = await house(world);
  const tab = await openTab(await openBrowser(world));
  for (const [name, scene] of PAGES) {
    await tab.page.goto(`${gateway.url}/${name}/1`);
    await tab.sees(scene);
    await isReadable(tab, scene);
    await tab.picture(`page-${scene}`);
  }
  tab.isClean();
}
