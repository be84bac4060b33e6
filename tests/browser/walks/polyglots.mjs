// W1: whatever an operator writes, or a link holds, stays text.

import assert from 'node:assert/strict';
import { openBrowser, openTab } from '../kit/browser.mjs';
import { ask } from '../kit/http.mjs';
import { queueUp } from '../kit/fan.mjs';
import { pause } from '../kit/world.mjs';
import { theatre } from './theatre.mjs';

const POLYGLOTS = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  `'"--></style></script><svg/onload=alert(1)>`,
  `</p></aside><iframe srcdoc="<script>parent.alert(1)</script>">`,
  `javascript:/*--></title></textarea></noscript><svg onload='/*"/**/alert(1)//'>`,
  `{{ 7 * 7 }}\${alert(1)}<%= alert(1) %>{% raw %}`,
  `\\u003cscript\\u003ealert(1)\\u003c/script\\u003e &lt;script&gt;`,
  `]]><a href="javascript:alert(1)" autofocus onfocus=alert(1)>x</a>`,
];

/** What is said while the page stands open. */
const LIVE = POLYGLOTS[1];

/** Longer than an order takes to reach every page. */
const SURVEY_MS = 400;

/** Anything that only an executed message could have left in the page. */
const foreign = () => document.querySelectorAll('iframe, [onload], [onerror], [onfocus], svg, #message *').length;

/** A line that takes about 36 s, so that the page asks again every few seconds. */
const PER_MINUTE = 20;
const AHEAD = 12;

export async function polyglots(world) {
  const { gateway, room } = await theatre(world, PER_MINUTE);
  await queueUp(gateway, room, AHEAD);
  const tab = await openTab(await openBrowser(world));
  await tab.page.goto(`${gateway.url}/buy/page-1`);
  await tab.page.locator('#ahead:not([hidden])').waitFor();

  // One that comes while the page stands open is set by the script, not by the template.
  await gateway.room('message', room, LIVE);
  await tab.page.locator('#word').waitFor();
  await showsAsText(tab, LIVE);
  await gateway.room('pace', room, '1');
  for (const text of POLYGLOTS) {
    await gateway.room('message', room, text);
    await pause(SURVEY_MS);
    await tab.page.goto(`${gateway.url}/buy/page-1?${new URLSearchParams({ x: text })}`);
    await tab.page.locator('#ahead:not([hidden])').waitFor();
    await showsAsText(tab, text);
  }
  await standsRaw(gateway);
  tab.isClean();
}

async function showsAsText(tab, text) {
  assert.equal(await tab.text('#message'), text);
  assert.equal(await tab.page.evaluate(foreign), 0, `${text} became more than text`);
}

/** Marks in the path and query that no browser would send unescaped. */
async function standsRaw(gateway) {
  for (const path of ['/buy/"><script>alert(1)</script>', "/buy/1?x='><svg/onload=alert(1)>"]) {
    const answer = await ask(gateway.url, { headers: { accept: 'text/html' }, path });
    assert.doesNotMatch(answer.text, /<script>alert|<svg\/onload/);
  }
}
