// Runs the walks: `node run.mjs [words…]` runs those whose names hold one of the words.
//
// ANTEROOM_BIN          the binary (else target/release/anteroom)
// ANTEROOM_SCREENSHOTS  a folder for pictures of the pages (else none are taken)
// CHROMIUM              the browser (else /usr/bin/chromium)

import { World } from './kit/world.mjs';
import { closeBrowser } from './kit/browser.mjs';
import { walks } from './walks/index.mjs';

/** How many walks go at once: they mostly wait, but a browser is heavy. */
const AT_ONCE = 3;

/** A walk that takes longer has failed. */
const LIMIT_MS = 100_000;

const words = process.argv.slice(2);
const wanted = walks.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
const waiting = [...wanted];
const worlds = new Set();
let failed = 0;
let stopping = false;

/** Ends whatever was started when the runner itself is told to stop, or nobody listens to it. */
async function stop() {
  if (stopping) return;
  stopping = true;
  process.exitCode = 1;
  waiting.length = 0;
  await Promise.all([...worlds].map((world) => world.end()));
  await closeBrowser();
  process.exit(1);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
process.stdout.on('error', stop);

async function go({ name, walk }) {
  const world = new World();
  const began = performance.now();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  worlds.add(world);
  let fault = null;
  try {
    await Promise.race([walk(world), late]);
  } catch (thrown) {
    fault = thrown;
  }
  clearTimeout(timer);
  const said = fault && world.said();
  await world.end();
  worlds.delete(world);
  if (stopping) return;
  const took = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${fault ? 'FAIL' : 'PASS'}  ${name} (${took} s)`);
  if (fault) {
    failed += 1;
    console.log(`${fault.stack ?? fault}\n${said}`.replace(/^/gm, '      '));
  }
}

async function lane() {
  for (let next = waiting.shift(); next; next = waiting.shift()) await go(next);
}

await Promise.all(Array.from({ length: AT_ONCE }, lane));
if (!stopping) await closeBrowser();
if (!stopping) finish();

function finish() {
  console.log(`${wanted.length - failed} passed, ${failed} failed`);
  process.exit(failed > 0 || wanted.length === 0 ? 1 : 0);
}
