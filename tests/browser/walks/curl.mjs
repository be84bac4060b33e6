// Visitors without a browser: curl with a cookie jar, and an app that speaks JSON with its
// tokens in headers.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { ask } from '../kit/http.mjs';
import { Fan, queueUp } from '../kit/fan.mjs';
import { words } from '../kit/nginx.mjs';
import { pause, run, until } from '../kit/world.mjs';
import { theatre } from './theatre.mjs';

/** Ten a second. */
const PER_MINUTE = 600;

export async function withCurl(world) {
  const { site, gateway, room } = await theatre(world, PER_MINUTE);
  await queueUp(gateway, room, 20);
  const jar = join(world.dir, 'jar');
  const curl = () => run('curl', ['-sS', '-i', '-b', jar, '-c', jar, `${gateway.url}/buy/page-3?a=b`]);

  const first = await curl();
  assert.match(first, /^HTTP\/1\.1 200 /);
  assert.match(first, /^retry-after: \d+\r$/im);
  assert.match(first, /id="line"/, 'a page, for `Accept: */*` names nothing else');
  assert.deepEqual(site.bought(), []);

  let waits = 0;
  const inside = await until('curl to get in', async () => {
    const page = await curl();
    if (page.includes(words(3))) return page;
    waits += 1;
    const again = Number(/^retry-after: (\d+)/im.exec(page)[1]);
    await pause(again * 1000);
    return null;
  }, 40);

  assert.ok(waits > 0, 'there was a wait');
  assert.match(inside, /^set-cookie: anteroom-a-stalls=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+\r$/im);
  assert.match(inside, /^cache-control: private/im);
  assert.match(await curl(), new RegExp(words(3)), 'and stays inside');
  const [asked, ...more] = site.bought();
  assert.deepEqual([asked.target, asked.cookie, more.length], ['/buy/page-3?a=b', '', 1]);
}

export async function withJson(world) {
  const { site, gateway, room } = await theatre(world, PER_MINUTE);
  await queueUp(gateway, room, 20);
  const app = new Fan(gateway, room);
  const buy = (options) => {
    const headers = { accept: 'application/json', ...app.tokens(), ...options?.headers };
    return ask(`${gateway.url}/buy/page-5`, { ...options, headers });
  };

  const standing = await app.join();
  assert.equal(standing.state, 'waiting');
  assert.equal(standing.position, standing.ahead + 1);
  for (const method of ['GET', 'POST']) {
    const waits = await buy({ method });
    assert.equal(waits.status, 429, method);
    assert.ok(Number(waits.headers['retry-after']) > 0);
    assert.equal(waits.json().room, room);
  }
  const head = await buy({ method: 'HEAD' });
  assert.deepEqual([head.headers['set-cookie'], head.text], [undefined, '']);
  assert.equal((await app.send('POST', 'claim')).status, 409, 'no claim before the release');

  await becomesReleased(app);
  assert.deepEqual(site.bought(), [], 'nothing before the claim');
  const claimed = (await app.send('POST', 'claim')).json();
  assert.equal(claimed.state, 'admitted');
  assert.ok(app.admission, 'the admission token is told');

  const page = await buy();
  assert.equal(page.status, 200);
  assert.match(page.text, new RegExp(words(5)));
  const forged = app.admission.slice(0, -4) + (app.admission.endsWith('AAAA') ? 'BBBB' : 'AAAA');
  const refused = await ask(`${gateway.url}/buy/page-5`, {
    headers: { accept: 'application/json', 'anteroom-admission': forged },
  });
  assert.equal(refused.status, 429, 'a forged token is no token');
  const seen = site.bought().map(({ target, queue, admission }) => [target, queue, admission]);
  assert.deepEqual(seen, [['/buy/page-5', '', '']], 'one request, and none of our tokens');
}

/** Polls as told until called; the place never gets worse. */
async function becomesReleased(app) {
  let least = Infinity;
  await until('the app to be called', async () => {
    const status = (await app.send('GET', 'status')).json();
    if (status.state === 'released') return true;
    assert.equal(status.state, 'waiting');
    assert.ok(status.ahead <= least, `${status.ahead} ahead after ${least}`);
    least = status.ahead;
    await pause(status.poll_after_s * 1000);
    return false;
  }, 40);
}
