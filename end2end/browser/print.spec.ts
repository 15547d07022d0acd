// The sheet that hangs beside a door: printed to PDF as an admin prints it, turned into a picture as a camera sees it, and read.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, expect, signIn, test } from './fixture.ts';

test('the printed A4 sheet is one page and leads to its sticker, as the label does', async ({ page, linli }) => {
  await signIn(page, linli, 'admin');
  await page.goto('/admin/staff?q=' + encodeURIComponent('王芳'));
  await page.locator('main a[href^="/admin/staff/"]', { hasText: '王芳' }).first().click();
  await page.locator('main a[href^="/admin/posts/"]').first().click();
  await page.locator('main a[href$="/sheet"]').first().click();

  const folder = mkdtempSync(join(tmpdir(), 'linli-print-'));
  const file = join(folder, 'sheet.pdf');
  writeFileSync(file, await page.pdf({ preferCSSPageSize: true, printBackground: true }));
  const pages = execFileSync('pdfinfo', [file], { encoding: 'utf8' });
  expect(pages).toMatch(/Pages:\s+1\n/);
  expect(pages).toMatch(/A4/);
  execFileSync('pdftoppm', ['-r', '100', '-png', '-singlefile', file, join(folder, 'sheet')]);
  const url = decode(join(folder, 'sheet.png'));
  expect(linli.scanUrls).toContain(url);

  const label = await page.request.get(page.url().replace(/sheet$/, 'label.svg'));
  const picture = join(folder, 'label.png');
  await page.setContent(await label.text());
  await page.locator('svg').screenshot({ path: picture });
  expect(decode(picture)).toBe(url);
  await expect(page.locator('svg')).toContainText('Taohualing Community, Grid 3 · Grid worker');
});
