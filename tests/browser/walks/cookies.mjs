// W6: a browser that keeps no cookies is told so, with and without JavaScript, takes no place,
// and does not go round for ever.

import assert from 'node:assert/strict';
import { openCookieless, openTab } from '../kit/browser.mjs';
import { pause } from '../kit/world.mjs';
import { theatre } from './theatre.mjs';

/** How long both tabs are watched for a loop. */
const WATCH_MS = 15_000;

export async function cookiesOff(world) {
  const { site, gateway, room } = await theatre(world, 600);
  const context = await openCookieless(world);
  const scripted = await openTab(context);
  const plain = await openTab(context);
  const session = await context.newCDPSession(plain.page);
  await session.send('Emulation.setScriptExecutionDisabled', { value: true });

  for (const tab of [scripted, plain]) {
    await tab.page.goto(`${gateway.url}/buy/page-1`);
    await tab.reads('Please allow cookies');
    await tab.sees('cookies');
  }
  assert.deepEqual(await context.cookies(), [], 'the browser keeps no cookies');
  await plain.picture('cookies');
  const before = [scripted, plain].map((tab) => tab.requests.length);
  assert.ok(plain.documents().length <= 2, 'one visit and one return');
  await pause(WATCH_MS);
  const after = [scripted, plain].map((tab) => tab.requests.length);
  assert.deepEqual(after, before, 'neither tab asks again by itself');
  assert.equal(await gateway.metric('anteroom_joins_total', room), 0, 'nobody took a place');
  assert.deepEqual(site.bought(), []);
}
