// Whether a page can be read: by somebody with weak eyes, on a narrow screen, by a screen reader.

import assert from 'node:assert/strict';

/** Fails with everything that is wrong with the page, in light and in dark. */
export async function isReadable({ page }, name) {
  const before = page.viewportSize();
  const faults = [];
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const found = await page.evaluate(look);
    faults.push(...found.map((fault) => `${colorScheme}: ${fault}`));
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize({ width: 320, height: 640 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  if (wide > 320) faults.push(`at 320 px it is ${wide} px wide`);
  await page.setViewportSize(before);
  assert.deepEqual(faults, [], `${name} can be read`);
}

/** Runs in the page: what is wrong with its structure, its names and its contrasts. */
function look() {
  const faults = [];
  const shown = (at) => at.getClientRects().length > 0 && getComputedStyle(at).visibility === 'visible';
  const all = (selector) => [...document.querySelectorAll(selector)];
  const closed = all('details:not([open])');
  for (const at of closed) at.open = true;
  const holds = (right, fault) => right || faults.push(fault);

  holds(document.documentElement.lang, 'the page has no language');
  holds(document.title.trim(), 'the page has no title');
  for (const only of ['h1', 'main']) holds(all(only).filter(shown).length === 1, `not one ${only}`);
  holds(all('[role=status][aria-live=polite]').length > 0, 'nothing is spoken');
  const ids = all('[id]').map((at) => at.id);
  holds(new Set(ids).size === ids.length, 'an id stands twice');
  for (const at of all('a, button, input, summary').filter(shown)) {
    const named = at.innerText || at.getAttribute('aria-label') || at.labels?.[0]?.innerText;
    holds(named?.trim(), `without a name: ${at.outerHTML}`);
    const { width, height } = (at.labels?.[0] ?? at).getBoundingClientRect();
    holds(height >= 24 && width >= 24, `too small to touch: ${at.outerHTML}`);
  }
  for (const at of all('img')) holds(at.hasAttribute('alt'), 'a picture without words');
  for (const at of all('progress').filter(shown)) holds(at.getAttribute('aria-label'), 'a bar without a name');

  const colour = (text) => text.match(/[\d.]+/g).map(Number);
  const light = ([red, green, blue]) => {
    const part = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  };
  const ground = (at) => {
    for (let up = at; up; up = up.parentElement) {
      const found = colour(getComputedStyle(up).backgroundColor);
      if (found[3] !== 0) return found;
    }
    return [255, 255, 255];
  };
  const words = (at) => [...at.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  for (const at of all('body *').filter((one) => shown(one) && words(one) && !one.closest('.unseen'))) {
    const style = getComputedStyle(at);
    const [low, high] = [light(colour(style.color)), light(ground(at))].sort((a, b) => a - b);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    holds(ratio >= (large ? 3 : 4.5), `contrast ${ratio.toFixed(1)}: ${at.textContent.trim()}`);
  }
  for (const at of closed) at.open = false;
  return faults;
}
