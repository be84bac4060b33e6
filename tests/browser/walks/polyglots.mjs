// W1: whatever an operator writes, or a link holds, stays text.

import assert from 'node:assert/strict';
import { openBrowser, openTab } from '../kit/browser.mjs';
import { ask } from '../kit/http.mjs';
import { queueUp } from '../kit/fan.mjs';
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

/** Anything that only an executed message could have left in the page. */
const foreign = () => document.querySelectorAll('iframe, [onload], [onerror], [onfocus], svg, #message *').length;

export async function polyglots(world) {
  const { gateway, room } = await theatre(world, 1);
  await queueUp(gateway, room, 2);
  const tab = await openTab(await openBrowser(world));
  for (const [at, text] of POLYGLOTS.entries()) {
    await gateway.room('message', room, text);
    const query = new URLSearchParams({ x: text });
    await tab.page.goto(`${gateway.url}/buy/page-1?${query}`);
    await tab.page.locator('#ahead:not([hidden])').waitFor();
    assert.equal(await tab.text('#message'), text, `message ${at} is shown as it was typed`);
    assert.equal(await tab.page.evaluate(foreign), 0, `message ${at} became more than text`);
  }
  await arrivesLive(gateway, room, tab);
  await standsRaw(gateway);
  tab.isClean();
}

/** A message that comes while the page stands open is set by the script, not the template. */
async function arrivesLive(gateway, room, tab) {
  const [text] = POLYGLOTS;
  await gateway.room('message', room, '--clear');
  await tab.page.reload();
  await tab.page.locator('#word').waitFor({ state: 'hidden' });
  await gateway.room('message', room, text);
  await tab.page.locator('#word').waitFor();
  assert.equal(await tab.text('#message'), text);
  assert.equal(await tab.page.evaluate(foreign), 0);
}

/** Marks in the path and query that no browser would send unescaped. */
async function standsRaw(gateway) {
  for (const path of ['/buy/"><script>alert(1)</script>', "/buy/1?x='><svg/onload=alert(1)>"]) {
    const answer = await ask(gateway.url, { headers: { accept: 'text/html' }, path });
    assert.doesNotMatch(answer.text, /<script>alert|<svg\/onload/);
  }
}
