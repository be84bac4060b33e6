// A whole sale on two gateways and one Redis, one fan inside at a time: countdown, lobby, draw,
// line, turn, shop, payment, completion; and the next fan has the slot at once.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { openBrowser, openTab } from '../kit/browser.mjs';
import { counted, wrongClock } from '../kit/clock.mjs';
import { startPair } from '../kit/gateway.mjs';
import { isReadable } from '../kit/readable.mjs';
import { startRedis } from '../kit/redis.mjs';
import { PAYMENT, SHOP, startShop } from '../kit/shop.mjs';
import { until } from '../kit/world.mjs';

/** Seconds until the lobby opens, until the room shall at first, and until it does once all are
    there. */
const LOBBY = 4;
const OPENING = 90;
const SOON = 6;

/** Within how many seconds of a completion the next fan is inside: a few times what it takes. A
    browser without JavaScript comes back every few seconds, and after the opening a little later. */
const NEXT = { script: 5, plain: 12 };
const FIRST = 25;

/** Within how many seconds those who wait see what an operator does. */
const TOLD = 6;

const IDLE = 60;
const ROOM = `paths = ["/buy/*"]
[pace]
per_minute = 600
[capacity]
active = 1
[session]
idle_s = ${IDLE}
hold_max_s = ${2 * PAYMENT}
`;

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** Somebody who wants seats, at one of the gateways. */
class Fan {
  static async comes(world, { name, gateway, script = true, ...options }) {
    const fan = new Fan();
    const context = await openBrowser(world, { javaScriptEnabled: script, ...options });
    Object.assign(fan, { name, gateway, script, context });
    fan.tab = await openTab(context);
    return fan;
  }

  goes(path, gateway = this.gateway) {
    this.gateway = gateway;
    return this.tab.page.goto(gateway.url + path);
  }

  /** What a room's own URL tells this fan; `null` while it tells nothing. */
  async asks(what) {
    const answer = await this.context.request.get(this.gateway.own('gala', what));
    return answer.ok() ? answer.json() : null;
  }

  /** The claims of the admission that the browser holds. */
  async admission() {
    const cookies = await this.context.cookies();
    const held = cookies.find(({ name }) => name === 'anteroom-a-gala');
    return held && JSON.parse(Buffer.from(held.value.split('.')[1], 'base64url'));
  }

  async isInside(seconds) {
    const words = this.tab.page.getByText(SHOP['/buy/seats']);
    await words.waitFor({ timeout: seconds * 1000 });
  }
}

/** Two gateways whose room opens soon, and the shop behind them. */
async function soon(world) {
  const [shop, store] = await Promise.all([startShop(world), startRedis(world)]);
  const [first, second] = await startPair(world, { origin: shop.url, rooms: { gala: ROOM }, store });
  const at = (seconds) => new Date(1000 * Math.floor(Date.now() / 1000 + seconds)).toISOString();
  const [lobby, opening] = [at(LOBBY), at(OPENING)];
  await first.room('open', 'gala', '--prequeue-at', lobby, '--opens-at', opening);
  return { shop, first, second, at, lobby, opening };
}

/** Seconds until then. */
const left = (time) => (Date.parse(time) - Date.now()) / 1000;

async function counts({ tab }, expected, to) {
  const seconds = await counted(tab);
  assert.ok(Math.abs(seconds - expected) <= 2, `${seconds} s to ${to}, in truth ${expected}`);
}

/** Before the sale: early fans are counted down by the server's clock, and all gather. */
async function gathers(world, { first, second, lobby, opening }) {
  const [ann, bob, cleo, dan] = await Promise.all([
    Fan.comes(world, { name: 'ann', gateway: first }),
    Fan.comes(world, { name: 'bob', gateway: second, ...PHONE }),
    Fan.comes(world, { name: 'cleo', gateway: first }),
    Fan.comes(world, { name: 'dan', gateway: second, script: false }),
  ]);
  await ann.context.addInitScript(wrongClock);
  await until('both gateways to know of the opening', async () => {
    const told = await Promise.all([ann, bob].map((fan) => fan.asks('status')));
    return told.every((status) => status.opens_at !== null || status.state !== 'closed');
  });
  await ann.goes('/buy/seats');
  if (left(lobby) > 0.5) {
    assert.equal(await ann.tab.scene(), 'before_lobby');
    await counts(ann, left(lobby), 'the lobby');
  }
  await isReadable(ann.tab, 'the countdown');
  await ann.tab.picture('sale-1-countdown');

  const inLobby = async (fan) => (await fan.asks('status')).state === 'prequeue';
  await until('the lobby to open on both', async () => (await inLobby(bob)) && (await inLobby(dan)));
  await ann.tab.page.click('#go');
  for (const fan of [bob, cleo, dan]) await fan.goes('/buy/seats');
  for (const fan of [ann, bob, cleo, dan]) await fan.tab.sees('prequeue');
  await counts(ann, left(opening), 'the opening');
  return [ann, bob, cleo, dan];
}

/** In the lobby: nobody has a place, and who changes gateway stays who they are. */
async function waitsInLobby(fans, house) {
  const { first, second, at } = house;
  const [ann, bob, cleo, dan] = fans;
  const reference = await cleo.tab.text('#reference');
  await cleo.goes('/buy/seats', second);
  await cleo.tab.sees('prequeue');
  assert.equal(await cleo.tab.text('#reference'), reference, 'the same fan at another gateway');
  for (const fan of fans) {
    assert.equal(await fan.tab.page.locator('#ahead').isVisible(), false, 'nobody has a place yet');
  }
  await isReadable(bob.tab, 'the lobby');
  await bob.tab.picture('sale-2-lobby');
  await dan.tab.picture('sale-2-lobby-plain');
  assert.ok(Number(await ann.tab.text('#in-line')) > 0, 'who is in the lobby counts');
  const { commitment, seed } = await ann.asks('draw');
  assert.equal(seed, null);

  house.opening = at(SOON);
  await first.room('open', 'gala', '--opens-at', house.opening);
  const sooner = async ({ tab }) => (await tab.scene()) !== 'prequeue' || (await counted(tab)) <= SOON;
  for (const fan of [ann, bob]) await until('the new time to be shown', () => sooner(fan), TOLD);
  // A page without script hears of it when it next comes back: this fan sees to that.
  await dan.tab.page.click('#go');
  return commitment;
}

/** The opening: everybody is drawn, can prove it, and hears of it without a reload. */
async function isDrawn(fans, commitment, { opening }) {
  const drawn = async () => (await Promise.all(fans.map((fan) => fan.asks('receipt')))).map((receipt) => receipt?.rank);
  const ranks = await until('the draw', async () => {
    const told = await drawn();
    return told.every((rank) => Number.isInteger(rank)) && told;
  });
  assert.ok(left(opening) < 0, 'not before the opening');
  assert.deepEqual([...ranks].sort(), [...ranks.keys()].map((rank) => rank + Math.min(...ranks)), 'each has a place');
  const draw = await fans[0].asks('draw');
  assert.equal(draw.count, fans.length);
  const kept = createHash('sha256').update(Buffer.from(draw.server_seed, 'hex')).digest('hex');
  assert.deepEqual([draw.commitment, kept], [commitment, commitment], 'as was promised in the lobby');
  return fans.map((fan, at) => ({ fan, rank: ranks[at] })).sort((a, b) => a.rank - b.rank).map(({ fan }) => fan);
}

/** A fan inside buys; the payment page holds the session, and the last page ends it. */
async function buys(fan, gateway) {
  const { page } = fan.tab;
  if (fan.gateway !== gateway) await fan.goes('/buy/seats', gateway);
  const before = await fan.admission();
  await page.getByRole('button', { name: 'Pay for these seats' }).click();
  await fan.tab.reads(SHOP['/buy/pay']);
  const during = await fan.admission();
  assert.ok(before.exp - before.iat <= IDLE, 'it would have run out');
  assert.ok(during.exp - Date.now() / 1000 > PAYMENT - 30, 'the payment is waited for');
  await page.getByRole('button', { name: 'Pay now' }).click();
  await fan.tab.reads(SHOP['/buy/done']);
  assert.equal(await fan.admission(), undefined, 'the admission is taken back');
}

/** Where those who wait in a browser with JavaScript stand. */
async function standsNext({ tab }, ahead) {
  await until(`${ahead} ahead`, async () => (await tab.text('#number')) === (ahead ? String(ahead) : ''));
  if (ahead === 0) await tab.reads('You’re next');
}

/** The page has the receipt to be saved. */
async function hasReceipt({ tab: { page } }) {
  const [saved] = await Promise.all([page.waitForEvent('download'), page.click('#receipt a')]);
  assert.equal(saved.suggestedFilename(), 'receipt.json');
}

/** A pause reaches all who wait, and a screen reader says it. */
async function pauses(gateway, waiting) {
  const scripted = waiting.filter(({ script }) => script);
  for (const { tab } of scripted) await tab.sees('waiting');
  await gateway.room('pause', 'gala');
  const asked = performance.now();
  for (const { tab } of scripted) await tab.sees('paused');
  assert.ok(performance.now() - asked < TOLD * 1000, 'a pause shows within seconds');
  const [{ tab }] = scripted;
  assert.match(await tab.text('#live'), /^The line is paused/);
  await isReadable(tab, 'the pause');
  await tab.picture('sale-4-paused');
  await gateway.room('resume', 'gala');
  for (const { tab } of scripted) await tab.sees('waiting');
}

export async function sale(world) {
  const house = await soon(world);
  const { shop, first, second } = house;
  const fans = await gathers(world, house);
  const commitment = await waitsInLobby(fans, house);
  const order = await isDrawn(fans, commitment, house);
  await order[0].isInside(FIRST);

  const eve = await Fan.comes(world, { name: 'eve', gateway: first, ...PHONE });
  await eve.goes('/buy/seats');
  await eve.tab.sees('waiting');
  await standsNext(eve, fans.length - 1);
  await isReadable(eve.tab, 'the line');
  await eve.tab.picture('sale-3-line');
  const line = [...order, eve];
  await hasReceipt(line.find(({ script }, at) => at > 0 && script));
  assert.equal(await eve.tab.page.locator('#receipt').isVisible(), false, 'who came later was not drawn');
  await pauses(second, line.slice(1));

  for (const [at, fan] of order.entries()) {
    const [next, ...behind] = line.slice(at + 1);
    if (next.script) await standsNext(next, 0);
    for (const [before, other] of behind.entries()) if (other.script) await standsNext(other, before + 1);
    const last = next === eve;
    if (last) await second.room('stock', 'gala', '0');
    await buys(fan, at % 2 ? first : second);
    const asked = performance.now();
    if (last) break;
    await next.isInside(next.script ? NEXT.script : NEXT.plain);
    console.log(`      ${next.name} is inside after ${((performance.now() - asked) / 1000).toFixed(1)} s`);
  }
  await eve.tab.sees('sold_out');
  assert.match(await eve.tab.text('#live'), /^Sold out/);
  await isReadable(eve.tab, 'sold out');
  await eve.tab.picture('sale-5-sold-out');

  const sessions = shop.visits.map(({ session }) => session);
  const turns = sessions.filter((session, visit) => session !== sessions[visit - 1]);
  assert.equal(new Set(sessions).size, fans.length, 'each of them was inside, and nobody else');
  assert.equal(turns.length, fans.length, 'one at a time');
  for (const fan of [...fans, eve]) fan.tab.isClean();
}
