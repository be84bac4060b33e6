// Taking a break and coming back, and going in by hand with more time.

import assert from 'node:assert/strict';
import { openBrowser, openTab } from '../kit/browser.mjs';
import { queueUp } from '../kit/fan.mjs';
import { words } from '../kit/nginx.mjs';
import { until } from '../kit/world.mjs';
import { theatre } from './theatre.mjs';

/** So slow that nobody is called but by order. */
const PER_MINUTE = 1;
const AHEAD = 2;

async function inLine(world, options) {
  const { gateway, room, site } = await theatre(world, PER_MINUTE);
  await queueUp(gateway, room, AHEAD);
  const tab = await openTab(await openBrowser(world, options));
  await tab.page.goto(`${gateway.url}/buy/page-7?x=1`);
  await tab.page.locator('#ahead:not([hidden])').waitFor();
  return { gateway, room, site, tab };
}

const absent = (gateway, room) => gateway.metric('anteroom_visitors_absent', room);

export async function takingABreak(world) {
  const { gateway, room, tab } = await inLine(world);
  const { page } = tab;
  await until('the event stream', async () => tab.requests.some((request) => request.url().endsWith('/events')));
  await page.click('#break summary');
  await tab.picture('break');
  await page.click('#break-form button');

  await tab.sees('away');
  await tab.reads('taking a break');
  assert.match(await tab.text('#time-left'), /^(10:00|9:5\d) left$/);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'head', 'the focus is where the news is');
  assert.ok(await page.locator('#break').isHidden() && await page.locator('#away').isVisible());
  await until('the absence to be known', async () => (await absent(gateway, room)) === 1);
  await tab.picture('away');

  await page.click('#go');
  await tab.sees('waiting');
  await until('the return to be known', async () => (await absent(gateway, room)) === 0);
  assert.ok(Number(await tab.text('#number')) <= AHEAD, 'at the same place');

  await page.locator('#break').evaluate((at) => at.setAttribute('open', ''));
  await page.click('#break-form button');
  await tab.sees('away');
  await page.reload();
  await tab.sees('waiting');
  await until('a reload to be a return', async () => (await absent(gateway, room)) === 0);
  tab.isClean();
}

export async function goingInByHand(world) {
  const { gateway, room, site, tab } = await inLine(world);
  const { page } = tab;
  await page.check('#ask-first');
  await gateway.room('release', room, '3');

  await tab.sees('ready');
  await tab.reads('Go in when you');
  await page.locator('#time-left:not([hidden])').waitFor();
  const before = await tab.text('#time-left');
  await until('the time to run', async () => (await tab.text('#time-left')) !== before);
  await page.click('#more button');
  await until('the answer to be told', async () => (await tab.text('#live')).includes('You have time'));
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'I need more time', 'the focus stays');
  assert.ok(await page.locator('#trouble').isHidden());
  await tab.picture('ready');
  assert.deepEqual(site.bought(), [], 'nobody is taken in unasked');

  await page.click('#go');
  await tab.reads(words(7));
  tab.isClean();
}

export async function breakWithoutScript(world) {
  const { gateway, room, tab } = await inLine(world, { javaScriptEnabled: false });
  await tab.page.click('#break summary');
  await tab.page.click('#break-form button');
  await tab.reads('taking a break');
  await until('the absence to be known', async () => (await absent(gateway, room)) === 1);
  await tab.picture('away-plain');
  await tab.page.click('#go');
  await tab.reads('in line');
  await until('the return to be known', async () => (await absent(gateway, room)) === 0);
  tab.isClean();
}

export async function withoutEvents(world) {
  const { gateway, room, tab } = await inLine(world);
  const { page } = tab;
  await page.route('**/events', (route) => route.fulfill({ status: 503, headers: { 'retry-after': '60' } }));
  await page.reload();
  await tab.sees('waiting');
  await until('the stream to be refused', async () => tab.requests.filter((one) => one.url().endsWith('/events')).length > 1);
  const before = tab.told.length;
  await until('polls to go on', async () => tab.told.length > before, 60);
  await gateway.room('release', room, '3');
  await tab.reads(words(7));
}
