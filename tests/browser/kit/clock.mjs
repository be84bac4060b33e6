// Devices whose clocks are wrong, and what a page counts down.

import assert from 'node:assert/strict';

/** A device that is three hours and a bit behind. */
export function wrongClock() {
  const Right = Date;
  const behind = 3 * 3600_000 + 123_000;
  window.Date = class extends Right {
    constructor(...given) {
      if (given.length) super(...given);
      else super(Right.now() - behind);
    }
    static now() {
      return Right.now() - behind;
    }
  };
}

/** What the page counts, in seconds. */
export async function counted(tab) {
  const text = await tab.text('#left');
  if (text === 'any moment now') return 0;
  const [, minutes, seconds] = text.match(/^(?:(\d+) min )?(\d+) s$/) ?? assert.fail(text);
  return Number(minutes ?? 0) * 60 + Number(seconds);
}
