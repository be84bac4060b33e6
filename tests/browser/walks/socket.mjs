// A browser's own WebSocket: refused in line, open inside, closed with the session.

import assert from 'node:assert/strict';
import { openBrowser, openTab } from '../kit/browser.mjs';
import { startGateway } from '../kit/gateway.mjs';
import { LIVE, startLive } from '../kit/live.mjs';
import { until } from '../kit/world.mjs';
import { over } from './theatre.mjs';

/** Opens a socket in the page, says hello, and notes what comes of it. */
const speak = (address) => {
  const notes = { heard: [], closed: null };
  window.notes = notes;
  const socket = new WebSocket(address);
  socket.onopen = () => socket.send('hello');
  socket.onmessage = ({ data }) => notes.heard.push(data);
  socket.onclose = ({ code }) => (notes.closed = code);
};

const notes = (page) => page.evaluate(() => window.notes);

export async function socket(world) {
  const site = await startLive(world);
  const gateway = await startGateway(world, { origin: site.url, rooms: { stalls: over(600) } });
  await gateway.room('open', 'stalls');
  await gateway.room('pause', 'stalls');
  const { page } = await openTab(await openBrowser(world));
  const address = `${gateway.url.replace('http', 'ws')}/buy/live`;

  await page.goto(`${gateway.url}/buy/seats`);
  await page.locator('#line').waitFor();
  await page.evaluate(speak, address);
  await until('the socket to be refused', async () => (await notes(page)).closed);
  assert.deepEqual(await notes(page), { heard: [], closed: 1006 });
  assert.deepEqual(site.handshakes, [], 'it never reached the site');

  await gateway.room('resume', 'stalls');
  await page.getByText(LIVE).waitFor();
  await page.evaluate(speak, address);
  await until('an echo', async () => (await notes(page)).heard.length);
  assert.deepEqual(await notes(page), { heard: ['hello'], closed: null });
  assert.deepEqual(site.handshakes, ['/buy/live']);

  await page.evaluate(() => fetch('/_anteroom/rooms/stalls/leave', { method: 'POST' }));
  await until('the socket to be closed', async () => (await notes(page)).closed);
  assert.equal((await notes(page)).closed, 1008, 'and it says why');
}
