// What every browser test starts from. A test fails on its own by any console error, script error, policy violation,
// 5xx answer or third-party request, on any page of any person in it.
import AxeBuilder from '@axe-core/playwright';
import { test as base, expect, type BrowserContext, type BrowserContextOptions, type Page } from '@playwright/test';
import axe from 'axe-core';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { startLinli, type Linli } from './linli.ts';

export { expect };

/** The text of the QR code in a picture. */
export const decode = (picture: string) => execFileSync('zbarimg', ['--quiet', '--raw', picture], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

export type Device = 'phone' | 'desktop';

export interface ProjectOptions {
  device: Device;
  devices: Record<Device, BrowserContextOptions>;
}

interface Fixtures {
  problems: string[];
  /** One more person with a browser of their own, on the project's device unless another is named. */
  person: (device?: Device) => Promise<Page>;
}

export const test = base.extend<Fixtures & ProjectOptions, { linli: Linli }>({
  device: ['phone', { option: true }],
  devices: [{ phone: {}, desktop: {} }, { option: true }],

  linli: [
    async ({}, use) => {
      const { linli, stop } = await startLinli();
      await use(linli);
      await stop();
    },
    { scope: 'worker', timeout: 60_000 },
  ],

  baseURL: async ({ linli }, use) => use(linli.url),

  problems: [
    async ({ linli }, use, testInfo) => {
      const problems: string[] = [];
      const logged = linli.log().length;
      await use(problems);
      const log = linli.log().slice(logged);
      if (log.includes('panicked at')) problems.push('the server panicked');
      if (problems.length > 0 || testInfo.status !== testInfo.expectedStatus) {
        await testInfo.attach('server log', { body: log.slice(-20_000), contentType: 'text/plain' });
      }
      expect(problems, 'what the browser and the server complained about').toEqual([]);
    },
    { auto: true },
  ],

  context: async ({ context, linli, problems }, use) => {
    watch(context, linli, problems);
    await use(context);
  },

  person: async ({ browser, contextOptions, devices, device, locale, timezoneId, javaScriptEnabled, linli, problems }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (other = device) => {
      const context = await browser.newContext({
        ...contextOptions,
        ...devices[other],
        baseURL: linli.url,
        locale,
        timezoneId,
        javaScriptEnabled,
      });
      contexts.push(context);
      watch(context, linli, problems);
      return context.newPage();
    });
    for (const context of contexts) await context.close();
  },
});

function watch(context: BrowserContext, linli: Linli, problems: string[]) {
  const origin = new URL(linli.url).origin;
  const refusedPages = new Set<string>();

  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== origin) problems.push(`third-party request: ${url.href}`);
  });
  context.on('response', (response) => {
    if (response.status() >= 500) problems.push(`${response.status()} from ${response.url()}`);
    const isAsked = response.request().isNavigationRequest() || response.request().method() === 'POST';
    if (response.status() >= 400 && isAsked) refusedPages.add(response.url());
  });
  context.on('console', (message) => {
    if (message.type() !== 'error') return;
    // The network is only away where a test takes it away.
    if (message.text().includes('net::ERR_INTERNET_DISCONNECTED')) return;
    // Chromium reports every page and every sending with an error status here. Which status it has is for the test to say.
    if (message.text().startsWith('Failed to load resource') && refusedPages.has(message.location().url)) return;
    problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => problems.push(`script error: ${error.error().stack ?? error.error().message}`));
}

/** Signs in, with the second factor where one is asked for; once for each role and server, because a code works only once. */
export async function signIn(page: Page, linli: Linli, role: string) {
  const kept = linli.sessions.get(role);
  if (kept) return page.context().addCookies(kept);
  const { email, password, authenticator } = linli.signIns.find((one) => one.role === role)!;
  await page.goto('/sign-in');
  await page.locator('[name=email]').fill(email);
  await page.locator('[name=password]').fill(password);
  await page.locator('form[action="/sign-in"] button').click();
  if (authenticator) {
    await expect(page).toHaveURL(/sign-in\/second/);
    await page.locator('[name=code]').fill(linli.code(authenticator.secret));
    await page.locator('form[action="/sign-in/second"] button').click();
  }
  await expect(page).not.toHaveURL(/sign-in/);
  const cookies = await page.context().cookies();
  linli.sessions.set(role, cookies.filter(({ name }) => name.endsWith('session') || name.endsWith('known')));
}

/** Nothing in the way of anyone, as far as a program can tell: WCAG 2.2, level A and AA. */
export async function checkAccessible(page: Page) {
  const { violations } = await new AxeBuilder({ page, axeSource: axeWithoutTimers })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa'])
    .analyze();
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map((node) => node.html).join('\n  ')}`);
  expect(found, 'accessibility').toEqual([]);
}

// Where JavaScript is off a page can still be looked into, but its timers never fire and axe would wait for ever.
// Promises do resolve there. Long timers are axe's own time limits, which nothing needs.
const axeWithoutTimers = `{
  const setTimeout = (call, delay = 0, ...rest) => (delay > 100 || Promise.resolve().then(() => call(...rest)), 0);
  ${axe.source}
}`;

/** Nothing to scroll sideways for. */
export async function checkFits(page: Page) {
  const { content, window } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  expect(content, 'width of the page').toBeLessThanOrEqual(window);
}

// The README's: Chinese on a phone, English on a desktop.
const inReadme = ['js-zh-CN-phone', 'js-en-desktop'];

/** Keeps a picture of the page for looking at; with LINLI_SHOTS=readme those of the README are made anew. */
export async function shot(page: Page, name: string) {
  const { name: project } = test.info().project;
  const isReadme = process.env.LINLI_SHOTS === 'readme' && inReadme.includes(project);
  const folder = isReadme ? join(import.meta.dirname, '../../docs/screenshots') : join(import.meta.dirname, 'shots');
  await page.screenshot({
    path: join(folder, `${name}-${project}.png`),
    scale: isReadme ? 'css' : 'device',
    fullPage: true,
    animations: 'disabled',
    caret: 'hide',
  });
}
