import { defineConfig, type Project } from '@playwright/test';
import type { ProjectOptions } from './fixture.ts';

const once = ['size.spec.ts', 'print.spec.ts'];

// What only admins open, and takes long: every width, language and way of working once, not each with each.
const admins = ['codes.spec.ts', 'import.spec.ts', 'records.spec.ts'];

const devices = {
  phone: { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  desktop: { viewport: { width: 1280, height: 800 }, hasTouch: false, isMobile: false, deviceScaleFactor: 1 },
} as const;

// Every spec runs as js-zh-CN-phone, nojs-en-desktop and so on, but for what only islands do (talk), what takes a keyboard too (desk), and what is
// the same without JavaScript (pages).
const matrix: Project<ProjectOptions>[] = [true, false].flatMap((javaScriptEnabled) =>
  ['zh-CN', 'en'].flatMap((locale) =>
    (['phone', 'desktop'] as const).map((device) => ({
      name: [javaScriptEnabled ? 'js' : 'nojs', locale, device].join('-'),
      testIgnore: [...once, ...((locale === 'en') === (device === 'desktop') === javaScriptEnabled ? [] : admins), ...(javaScriptEnabled ? [] : ['talk.spec.ts', 'pages.spec.ts']), ...(javaScriptEnabled && device === 'desktop' ? [] : ['desk.spec.ts'])],
      use: { ...devices[device], device, devices, javaScriptEnabled, locale },
    })),
  ),
);

export default defineConfig<ProjectOptions>({
  testDir: '.',
  outputDir: '../../target/browser-results',
  forbidOnly: true,
  // A flaky test is a bug: it is not tried again.
  retries: 0,
  workers: 2,
  timeout: 45_000,
  expect: { timeout: 10_000 },
  globalTimeout: 40 * 60_000,
  reporter: [['list']],
  use: {
    timezoneId: 'Asia/Shanghai',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.LINLI_CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    ...matrix,
    { name: 'once', testMatch: once, use: { ...devices.phone, device: 'phone', devices, locale: 'zh-CN' } },
  ],
});
