// The demo as the README shows it: from the shop's start page to a booking.

import assert from 'node:assert/strict';
import { openBrowser, openTab } from '../kit/browser.mjs';
import { startDemo } from '../kit/gateway.mjs';

export async function demo(world) {
  const gateway = await startDemo(world, ['--fans', '5', '--per-minute', '600']);
  const tab = await openTab(await openBrowser(world));
  const { page } = tab;
  await page.goto(gateway.url);
  await tab.picture('shop');

  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith('/buy/tickets')),
    page.getByRole('link', { name: 'Buy tickets' }).click(),
  ]);
  assert.match(await answer.text(), /id="line"/, 'the first answer is the queue page');

  await tab.reads('Choose your tickets');
  assert.equal(page.url(), `${gateway.url}/buy/tickets`);
  await page.getByRole('button', { name: 'Choose seats' }).click();
  await page.locator('label.seat:has(input:enabled)').first().click();
  await tab.picture('seats');
  await page.getByRole('button', { name: 'Book now' }).click();
  await tab.reads('Your tickets are booked');
  assert.equal(new URL(page.url()).pathname, '/buy/done');
  assert.ok((await gateway.metric('anteroom_claims_total', 'demo')) > 0);
  tab.isClean();
}
