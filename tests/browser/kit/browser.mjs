// One Chromium for all walks; each visitor gets a context of its own.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { pause } from './world.mjs';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const LAUNCH = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: FLAGS,
  // The runner ends what it started itself.
  handleSIGINT: false,
  handleSIGTERM: false,
  handleSIGHUP: false,
};
/** Where pictures of the pages go, if they are wanted. */
export const PICTURES = process.env.ANTEROOM_SCREENSHOTS;

/** What a visitor on a slow phone would not wait longer for. */
const PATIENCE_MS = 60_000;

let browser = null;

/** Ends the browser that the walks shared. */
export async function closeBrowser() {
  const running = await browser?.catch(() => null);
  await running?.close();
}

/** A visitor's browser; `{ javaScriptEnabled: false }` and the like as Playwright knows them. */
export async function openBrowser(world, options = {}) {
  browser ??= chromium.launch(LAUNCH);
  const context = await (await browser).newContext(options);
  world.atEnd(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  return context;
}

/** A browser whose settings forbid all cookies, as a person would set it. */
export async function openCookieless(world) {
  const profile = join(world.dir, 'profile');
  mkdirSync(join(profile, 'Default'), { recursive: true });
  const settings = { profile: { default_content_setting_values: { cookies: 2 } } };
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(settings));
  const context = await chromium.launchPersistentContext(profile, LAUNCH);
  world.atEnd(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  return context;
}

/** A tab that writes down whatever should not happen in it. */
export async function openTab(context) {
  const page = await context.newPage();
  const tab = new Tab(page);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) tab.complaints.push(message.text());
  });
  page.on('pageerror', (fault) => tab.complaints.push(`script: ${fault.message}`));
  page.on('dialog', (dialog) => {
    tab.complaints.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  page.on('request', (request) => tab.requests.push(request));
  page.on('response', (response) => tab.listen(response));
  return tab;
}

export class Tab {
  /** Errors, warnings, refusals by the CSP, dialogs. */
  complaints = [];
  /** Every request, in order. */
  requests = [];
  /** Every status JSON that the page was told, in order. */
  told = [];

  constructor(page) {
    this.page = page;
  }

  /** Keeps what the page was told of its place. */
  listen(response) {
    if (!/\/rooms\/[^/]+\/(status|claim|join|leave)$/.test(new URL(response.url()).pathname)) return;
    // A page that goes on to the site takes its last answers with it.
    response.json().then((status) => this.told.push(status), () => {});
  }

  /** Documents asked for, with how long ago. */
  documents() {
    return this.requests.filter((request) => request.isNavigationRequest());
  }

  text(selector) {
    return this.page.locator(selector).textContent();
  }

  /** Which scene of the queue page is shown. */
  scene() {
    return this.page.locator('#line').getAttribute('data-scene');
  }

  /** Waits for a scene of the queue page. */
  async sees(scene) {
    await this.page.locator(`#line[data-scene="${scene}"]`).waitFor();
  }

  /** Waits until the page holds these words. */
  async reads(words) {
    await this.page.getByText(words).first().waitFor();
  }

  /** Fails if anything was complained of. */
  isClean() {
    assert.deepEqual(this.complaints, []);
  }

  /** Pictures of the page as a phone and as a desk shows it, where they are wanted. */
  async picture(name) {
    if (!PICTURES) return;
    mkdirSync(PICTURES, { recursive: true });
    const before = this.page.viewportSize();
    for (const [width, height] of [[390, 844], [1280, 900]]) {
      await this.page.setViewportSize({ width, height });
      await pause(100);
      await this.page.screenshot({ path: join(PICTURES, `${name}-${width}.png`), fullPage: true });
    }
    if (before) await this.page.setViewportSize(before);
  }
}
