// Every page that a fan may stand before can be read: with weak eyes, on a narrow screen, by a
// screen reader.

import assert from 'node:assert/strict';
import { openBrowser, openTab } from '../kit/browser.mjs';
import { queueUp } from '../kit/fan.mjs';
import { startGateway } from '../kit/gateway.mjs';
import { startLive } from '../kit/live.mjs';
import { isReadable } from '../kit/readable.mjs';

const room = (path, more = '') => `paths = ["/${path}/*"]\n${more}\n[pace]\nper_minute = 1\n[capacity]\nactive = 10\n`;

const ROOMS = {
  open: room('open'),
  drawn: room('drawn'),
  shut: room('shut'),
  full: room('full', 'max_waiting = 1'),
};

/** What is seen where. */
const PAGES = { drawn: 'drawing', open: 'waiting', shut: 'closed', full: 'full' };

/** A room in each of those states. */
async function house(world) {
  const { url } = await startLive(world);
  const gateway = await startGateway(world, { origin: url, rooms: ROOMS });
  const at = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();
  const source = ['--external-source', 'the lottery'];
  await gateway.room('open', 'drawn', '--prequeue-at', at(0), '--opens-at', at(3), ...source);
  for (const name of ['open', 'full']) await gateway.room('open', name);
  await queueUp(gateway, 'open', 2);
  await queueUp(gateway, 'full', 1);
  return gateway;
}

/** The crew's samples of all pages. */
async function samples(gateway, { page }) {
  const link = new URL((await gateway.room('preview', 'open')).trim());
  await page.goto(gateway.url + link.pathname + link.search);
  await page.click('button');
  const links = page.locator('a[href*="page="]');
  await links.first().waitFor();
  return links.evaluateAll((found) => found.map(({ href }) => href));
}

export async function everyPage(world) {
  const gateway = await house(world);
  const tab = await openTab(await openBrowser(world));
  for (const [name, scene] of Object.entries(PAGES)) {
    await tab.page.goto(`${gateway.url}/${name}/1`);
    await tab.sees(scene);
    await isReadable(tab, scene);
    await tab.picture(`page-${scene}`);
  }
  const pages = await samples(gateway, tab);
  assert.ok(pages.length >= 14, `${pages}`);
  for (const address of pages) {
    const name = new URL(address).searchParams.get('page');
    await tab.page.goto(address);
    await isReadable(tab, `the sample of ${name}`);
    await tab.picture(`sample-${name}`);
  }
  tab.isClean();
}
