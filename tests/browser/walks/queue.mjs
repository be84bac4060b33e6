// The main walk: a browser queues behind others at a deep address and comes out in nginx's own
// page at that same address. nginx hears nothing of it before.

import assert from 'node:assert/strict';
import { openBrowser, openTab } from '../kit/browser.mjs';
import { queueUp } from '../kit/fan.mjs';
import { HOME, words } from '../kit/nginx.mjs';
import { until } from '../kit/world.mjs';
import { theatre } from './theatre.mjs';

const WANTED = '/buy/page-7?x=1';

/** Two a second: long enough to see the line move, short enough to see its end. */
const PER_MINUTE = 120;
const AHEAD = 24;

/** A fan far from the machine's own zone, and how the time is written there. */
const ZONE = 'Asia/Tokyo';
const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: ZONE };

/** Within how many seconds those waiting must see a message. */
const MESSAGE_WITHIN = 15;

async function arrive(world, options) {
  const { site, gateway, room } = await theatre(world, PER_MINUTE);
  await queueUp(gateway, room, AHEAD);
  const tab = await openTab(await openBrowser(world, options));
  await tab.page.goto(gateway.url);
  await tab.reads(HOME);
  await tab.page.click('#buy');
  await tab.sees('waiting');
  await tab.page.locator('#ahead:not([hidden])').waitFor();
  assert.ok(Number(await tab.text('#number')) > 5, 'there is a line to wait in');
  assert.match(await tab.text('#reference'), /^[a-hjkmnp-z1-9]{12}$/);
  assert.deepEqual(site.bought(), [], 'nothing behind the room is asked for yet');
  await gateway.room('message', room, 'The second act is sold out.');
  const asked = performance.now();
  await tab.reads('The second act is sold out.');
  assert.ok(performance.now() - asked < MESSAGE_WITHIN * 1000, 'a message shows within seconds');
  return { site, gateway, room, tab };
}

/** The site's own page, at the address that was wanted, asked of nginx exactly once. */
async function isInside({ site, gateway, tab }, calledAt) {
  await tab.reads(words(7));
  assert.equal(tab.page.url(), gateway.url + WANTED);
  const [first, ...more] = site.bought();
  assert.equal(first.target, WANTED);
  assert.deepEqual(more, []);
  assert.ok(first.at >= calledAt, `nginx was asked ${calledAt - first.at} ms before the release`);
  assert.doesNotMatch(first.cookie, /anteroom/, 'the site sees none of our tokens');
  await tab.page.click('a');
  await tab.reads(words(8));
}

/** From the site's second page: back to the wanted one, back to the start, and forth again. */
async function goesBack({ page }) {
  await page.goBack();
  await page.getByText(words(7)).waitFor();
  await page.goBack();
  await page.getByText(HOME).waitFor();
  await page.goForward();
  await page.getByText(words(7)).waitFor();
}

/** Every number of people ahead that the page shows from now on, by poll or by stream. */
async function numbers({ page }) {
  const shown = [];
  await page.exposeBinding('showsNumber', (_, text) => shown.push(Number(text.replace(/\D/g, ''))));
  await page.evaluate(() => {
    const number = document.querySelector('#number');
    const tell = () => number.textContent && window.showsNumber(number.textContent);
    tell();
    new MutationObserver(tell).observe(number, { childList: true, characterData: true, subtree: true });
  });
  return shown;
}

export async function withScript(world) {
  const walk = await arrive(world, { timezoneId: ZONE, locale: 'en-US' });
  const { gateway, tab } = walk;
  assert.equal(tab.page.url(), gateway.url + WANTED, 'the page stands at the wanted address');
  const title = await tab.page.title();
  assert.match(title, /^\d+ ahead · /);
  const updated = new Date(await tab.page.locator('#updated').getAttribute('datetime'));
  assert.equal(await tab.text('#updated'), updated.toLocaleTimeString('en-US', CLOCK), "in the fan's zone");
  await tab.picture('waiting');
  const shown = await numbers(tab);
  await until('the number in the title to fall', async () => (await tab.page.title()) !== title);

  await isInside(walk, 0);

  const claim = tab.requests.find((request) => request.url() === gateway.own('stalls', 'claim'));
  assert.ok(claim, 'the page was called and claimed its turn');
  const [first] = walk.site.bought();
  assert.ok(first.at >= claim.timing().startTime, 'nginx was asked after the claim');
  assert.ok(shown.length > 1, 'the page showed its place more than once');
  assert.deepEqual(shown, [...shown].sort((a, b) => b - a), 'nobody moves back');
  await goesBack(tab);
  tab.isClean();
}

export async function withoutScript(world) {
  const walk = await arrive(world, { javaScriptEnabled: false });
  const { tab } = walk;
  assert.match(await tab.page.title(), /^\d+ ahead · /);
  await tab.reads(words(7));
  const documents = tab.documents();
  const lastWait = documents.at(-2);

  await isInside(walk, lastWait.timing().startTime);

  assert.ok(documents.length > 4, 'the page came back by itself');
  assert.equal(tab.requests.filter((request) => request.resourceType() === 'script').length, 0);
  tab.isClean();
}
