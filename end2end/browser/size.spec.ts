// What a resident's phone downloads after the scan, as Chromium counts it.
import type { Request } from '@playwright/test';
import { expect, test } from './fixture.ts';

const KB = 1000;

test('the scanned page is at most 14 KB with its styles, and 80 KB with everything', async ({ page, linli }) => {
  const client = page.waitForResponse((response) => response.url().endsWith('.wasm'));
  const requests: Request[] = [];
  page.on('requestfinished', (request) => requests.push(request));
  await page.goto(linli.scanUrls[0]!);
  await (await client).finished();
  await page.waitForLoadState('networkidle');

  const answers = await Promise.all(
    requests.map(async (request) => ({
      path: new URL(request.url()).pathname,
      type: request.resourceType(),
      encoding: (await request.response())?.headers()['content-encoding'] ?? 'none',
      size: (await request.sizes()).responseBodySize,
    })),
  );
  const first = ['document', 'stylesheet'];
  const sum = (counts: (type: string) => boolean) =>
    answers.filter(({ type }) => counts(type)).reduce((total, { size }) => total + size, 0);
  for (const { path, type, encoding, size } of answers) console.log(`size: ${size} bytes, ${encoding}, ${type} ${path}`);
  console.log(`size: ${sum((type) => first.includes(type))} bytes of page and styles, ${sum(() => true)} bytes of everything`);

  for (const ending of ['.css', '.js', '.wasm']) {
    expect(answers.some(({ path }) => path.endsWith(ending)), `${ending} was seen`).toBe(true);
  }
  for (const { path, encoding, size } of answers) {
    // Below a few hundred bytes compressing gains nothing. Pages are made anew each time and packed with what costs little.
    if (size > 500 && !path.endsWith('.png')) expect(encoding, path).toBe(path.startsWith('/static/') ? 'br' : 'gzip');
  }
  expect(sum((type) => first.includes(type))).toBeLessThanOrEqual(14 * KB);
  expect(sum(() => true)).toBeLessThanOrEqual(80 * KB);
});
