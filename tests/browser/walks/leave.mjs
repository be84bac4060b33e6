// Leaving the line, and being one visitor in several tabs.

import assert from 'node:assert/strict';
import { openBrowser, openTab } from '../kit/browser.mjs';
import { queueUp } from '../kit/fan.mjs';
import { until } from '../kit/world.mjs';
import { theatre } from './theatre.mjs';

/** So slow that nobody is called during a walk. */
const PER_MINUTE = 1;
const AHEAD = 3;

async function inLine(world, options) {
  const { gateway, room } = await theatre(world, PER_MINUTE);
  await queueUp(gateway, room, AHEAD);
  const context = await openBrowser(world, options);
  const tab = await openTab(context);
  await tab.page.goto(`${gateway.url}/buy/page-2`);
  await tab.page.locator('#ahead:not([hidden])').waitFor();
  assert.equal(await tab.text('#number'), String(AHEAD));
  return { gateway, room, context, tab };
}

const waiting = (gateway, room) => gateway.metric('anteroom_visitors_waiting', room);

export async function leaving(world) {
  const { gateway, room, context, tab } = await inLine(world);
  const other = await openTab(context);
  await other.page.goto(`${gateway.url}/buy/page-3`);
  await other.page.locator('#ahead:not([hidden])').waitFor();
  const before = await tab.text('#reference');

  await tab.page.click('#leave summary');
  await tab.page.click('#leave-form button');

  await tab.sees('left');
  await tab.reads('left the line');
  await other.sees('left');
  await tab.picture('left');
  await until('the place to be given up', async () => (await waiting(gateway, room)) === AHEAD);

  await tab.page.click('#go');
  await tab.page.locator('#ahead:not([hidden])').waitFor();
  assert.equal(await tab.text('#number'), String(AHEAD), 'at the end of the line');
  await tab.reads('Why are you here again? You left the line');
  assert.ok(before, 'there was a reference code');
  await tab.picture('again');
  tab.isClean();
}

export async function leavingWithoutScript(world) {
  const { gateway, room, tab } = await inLine(world, { javaScriptEnabled: false });

  await tab.page.click('#leave summary');
  await tab.page.click('#leave-form button');

  await tab.reads('left the line');
  await until('the place to be given up', async () => (await waiting(gateway, room)) === AHEAD);
  tab.isClean();
}

export async function twoTabs(world) {
  const { gateway, room, context, tab } = await inLine(world);
  await queueUp(gateway, room, 2);
  const other = await openTab(context);
  await other.page.goto(`${gateway.url}/buy/page-9?from=other`);
  await other.page.locator('#ahead:not([hidden])').waitFor();
  for (const what of ['#reference', '#number']) {
    assert.equal(await other.text(what), await tab.text(what), `both tabs show the same ${what}`);
  }
  // Counts are as of the last tick.
  const held = async () => (await waiting(gateway, room)) === AHEAD + 1 + 2;
  await until('two tabs to hold one place', held);

  const place = await tab.text('#reference');
  await tab.page.reload();
  await tab.page.locator('#ahead:not([hidden])').waitFor();
  assert.equal(await tab.text('#reference'), place, 'reloading costs nothing');
  assert.equal(await tab.text('#number'), String(AHEAD));
  tab.isClean();
  other.isClean();
}
