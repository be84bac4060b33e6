// W2, W3: every page and JSON of ours carries the same guard against framing, sniffing, inline
// script and caches, whatever it says.

import assert from 'node:assert/strict';
import { openBrowser, openTab, PICTURES } from '../kit/browser.mjs';
import { startGateway } from '../kit/gateway.mjs';
import { ask } from '../kit/http.mjs';
import { freePorts } from '../kit/world.mjs';
import { queueUp } from '../kit/fan.mjs';

const CSP = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'self'",
  'frame-ancestors': "'none'",
};

const room = (path, more = '') => `paths = ["/${path}/*"]\n${more}\n[pace]\nper_minute = 1\n[capacity]\nactive = 10\n`;

const ROOMS = {
  open: room('open'),
  paused: room('paused'),
  shut: room('shut'),
  over: room('over'),
  full: room('full', 'max_waiting = 1'),
  nobody: 'paths = ["/nobody/*"]\nmethod = "reject"\n',
};

const HTML = { accept: 'text/html' };
const JSON_ = { accept: 'application/json' };

/** Every kind of answer that is ours: what is asked, how, and the status. */
const KINDS = [
  ['first visit', '/open/1', { headers: HTML }, 200],
  ['first visit as JSON', '/open/1', { headers: JSON_ }, 429],
  ['cookies off', '/open/1?anteroom-return=1', { headers: HTML }, 200],
  ['form not sent', '/open/1', { headers: HTML, method: 'POST' }, 429],
  ['paused', '/paused/1', { headers: HTML }, 200],
  ['closed', '/shut/1', { headers: HTML }, 200],
  ['closed as JSON', '/shut/1', { headers: JSON_ }, 403],
  ['ended', '/over/1', { headers: HTML }, 200],
  ['full', '/full/1', { headers: HTML }, 200],
  ['rejecting', '/nobody/1', { headers: HTML }, 200],
  ['status', '/_anteroom/rooms/open/status', { headers: JSON_ }, 200],
  ['left', '/_anteroom/rooms/open/leave', { headers: HTML, method: 'POST' }, 200],
  ['not released', '/_anteroom/rooms/open/claim', { headers: JSON_, method: 'POST' }, 409],
  ['no such address', '/_anteroom/none', { headers: HTML }, 404],
  ['no such address as JSON', '/_anteroom/none', { headers: JSON_ }, 404],
  ['wrong method', '/_anteroom/jwks.json', { headers: HTML, method: 'DELETE' }, 405],
  ['cross-site', '/_anteroom/rooms/open/join', { headers: { ...HTML, 'sec-fetch-site': 'cross-site' }, method: 'POST' }, 403],
  ['foreign host', '/open/1', { headers: { ...HTML, host: 'elsewhere.example' } }, 421],
  ['site away', '/', { headers: HTML }, 502],
  ['site away as JSON', '/', { headers: JSON_ }, 502],
];

export async function headers(world) {
  const [nobody] = await freePorts(1);
  const gateway = await startGateway(world, { origin: `http://127.0.0.1:${nobody}`, rooms: ROOMS });
  for (const name of ['open', 'paused', 'over', 'full']) await gateway.room('open', name);
  await gateway.room('pause', 'paused');
  await gateway.room('close', 'over', '--end');
  await queueUp(gateway, 'full', 1);

  const faults = [];
  for (const [kind, path, asked, status] of KINDS) {
    const answer = await ask(gateway.url + path, asked);
    faults.push(...amiss(answer, status).map((fault) => `${kind}: ${fault}`));
  }
  assert.deepEqual(faults, []);
  if (PICTURES) await pictures(world, gateway);
}

/** Every kind of page that a browser can be led to. */
async function pictures(world, gateway) {
  for (const [kind, path, { method, headers }] of KINDS) {
    if (method || headers !== HTML) continue;
    const tab = await openTab(await openBrowser(world, { javaScriptEnabled: false }));
    await tab.page.goto(gateway.url + path);
    await tab.picture(kind.replaceAll(' ', '-'));
  }
}

function amiss(answer, status) {
  const exact = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'x-robots-tag': 'noindex',
    'cache-control': 'no-store',
    vary: 'Cookie',
  };
  const faults = Object.entries(exact)
    .filter(([name, value]) => answer.headers[name] !== value)
    .map(([name]) => `${name} is ${answer.headers[name]}`);
  if (answer.status !== status) faults.push(`status ${answer.status}, not ${status}`);
  if ('location' in answer.headers) faults.push('a redirect');
  const csp = answer.headers['content-security-policy'] ?? '';
  const said = Object.fromEntries(csp.split(';').map((part) => part.trim().split(/ (.*)/s)));
  for (const [name, value] of Object.entries(CSP)) {
    if (said[name] !== value) faults.push(`CSP ${name} is ${said[name]}`);
  }
  if (/<script(?![^>]* src=)|<style|\son\w+=|javascript:/i.test(answer.text)) faults.push('something inline');
  return faults;
}
