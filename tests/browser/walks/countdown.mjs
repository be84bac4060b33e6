// Before the sale: a fan whose device has the wrong time is counted down to the lobby, comes into
// it without touching anything, and is counted down to the opening.

import assert from 'node:assert/strict';
import { openBrowser, openTab } from '../kit/browser.mjs';
import { counted, wrongClock } from '../kit/clock.mjs';
import { startGateway } from '../kit/gateway.mjs';
import { startLive } from '../kit/live.mjs';

/** Seconds until the lobby opens, and until the room does. A page comes back to the lobby within
    half a minute of its opening. */
const LOBBY = 12;
const OPENING = 58;

async function soon(world) {
  const { url } = await startLive(world);
  const begun = Date.now();
  const at = (seconds) => new Date(begun + seconds * 1000).toISOString();
  const rooms = {
    derby: `paths = ["/buy/*"]
[pace]
per_minute = 600
[capacity]
active = 100
[window]
prequeue_opens_at = "${at(LOBBY)}"
opens_at = "${at(OPENING)}"
`,
  };
  const gateway = await startGateway(world, { origin: url, rooms });
  return { gateway, left: (seconds) => seconds - (Date.now() - begun) / 1000 };
}

async function counts(tab, expected, to) {
  const seconds = await counted(tab);
  assert.ok(Math.abs(seconds - expected) <= 2, `${seconds} s to ${to}, in truth ${expected}`);
}

export async function countdown(world) {
  const { gateway, left } = await soon(world);
  const context = await openBrowser(world);
  await context.addInitScript(wrongClock);
  const tab = await openTab(context);
  await tab.page.goto(`${gateway.url}/buy/1`);
  assert.equal(await tab.scene(), 'before_lobby');
  await counts(tab, left(LOBBY), 'the lobby');
  assert.deepEqual(await context.cookies(), [], 'nothing is kept of anybody yet');
  await tab.picture('before-lobby');

  await tab.sees('prequeue');
  assert.ok(left(LOBBY) < 0, 'not before it opened');
  assert.ok(left(OPENING) > 0, 'the lobby came by itself');
  await counts(tab, left(OPENING), 'the opening');
  await tab.picture('prequeue');
  assert.equal(tab.documents().length, 1, 'in place');

  // Nobody else is there: it is drawn within a moment or two, and the fan may be inside at once.
  await tab.page.waitForFunction(() => document.querySelector('#line')?.dataset.scene !== 'prequeue', null, { timeout: 70_000 });
  assert.ok(left(OPENING) < 0 && left(OPENING) > -12, `${left(OPENING)}`);
  tab.isClean();
}

export async function countdownWithoutScript(world) {
  const { gateway, left } = await soon(world);
  const tab = await openTab(await openBrowser(world, { javaScriptEnabled: false }));
  await tab.page.goto(`${gateway.url}/buy/1`);
  assert.match(await tab.text('#lobby-at'), /^\d{4}-\d\d-\d\d, \d\d:\d\d UTC$/);
  assert.match(await tab.text('#opens-at'), /^\d{4}-\d\d-\d\d, \d\d:\d\d UTC$/);
  assert.equal(await tab.page.locator('#countdown').isVisible(), false, 'nobody counts here');
  await tab.sees('prequeue');
  assert.ok(left(LOBBY) < 0 && left(OPENING) > 0, 'by its own refresh');
  tab.isClean();
}
