// From a new unit to stickers on its walls: what is missing, a code for every post in one go, the file from the printer, every code read, a report and a replacement.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { checkAccessible, checkFits, expect, shot, signIn, test } from './fixture.ts';

async function look(page: Page, name: string) {
  await expect(page.locator('h1')).toHaveCount(1);
  await checkFits(page);
  await checkAccessible(page);
  await shot(page, name);
}

/** Every code on the pages of a PDF, rendered as a printer does and read as a phone does. */
function read(file: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'linli-codes-'));
  execFileSync('pdftoppm', ['-r', '110', '-gray', '-png', file, join(folder, 'page')]);
  const pictures = execFileSync('ls', [folder], { encoding: 'utf8' }).trim().split('\n').map((name) => join(folder, name));
  return execFileSync('zbarimg', ['--quiet', '--raw', ...pictures], { encoding: 'utf8' }).trim().split('\n').sort();
}

test('a new community gets its codes, prints them, hears of one that looks wrong and replaces it', async ({ page, person, linli, locale }) => {
  test.slow();
  const mark = test.info().project.name;
  await signIn(page, linli, 'admin');
  await page.goto('/admin/units?q=' + encodeURIComponent('夷陵路社区'));
  await page.locator('main a[href^="/admin/units/"]', { hasText: '夷陵路社区' }).first().click();
  const community = page.url();

  const units: string[] = [];
  await test.step('two grids with a post each', async () => {
    for (const number of [1, 2]) {
      await page.goto(`/admin/units/new?parent=${community.split('/').at(-1)}`);
      await page.locator('#name').fill(`${mark} ${number}`);
      await page.locator('#kind').selectOption('grid');
      await page.locator('main form.task button').last().click();
      units.push(page.url());
      await page.locator('main a[href$="/posts/new"]').first().click();
      await page.locator('#title').fill('网格员');
      await page.locator('main form.task button').last().click();
      await expect(page).toHaveURL(/\/admin\/posts\/[0-9a-f]{32}/);
    }
  });

  await test.step('the first day says what is missing', async () => {
    await page.goto(`${units[0]}/day-one`);
    await look(page, 'admin-day-one');
    await page.locator('main .links a[href$="/codes"]').first().click();
    await expect(page).toHaveURL(`${units[0]}/codes`);
  });

  await test.step('a code for every post in one go', async () => {
    await look(page, 'admin-codes');
    await page.locator('#place').fill(' ');
    await page.locator('main form', { has: page.locator('#place') }).locator('button').click();
    await expect(page.locator('#place-e')).toBeVisible();
    await page.locator('#place').fill('公告栏');
    await page.locator('main form', { has: page.locator('#place') }).locator('button').click();
    await expect(page.getByRole('status')).toContainText('1');
    await page.goto(`${units[1]}/codes`);
    await page.locator('main form', { has: page.locator('#place') }).locator('button').click();
  });

  let code = '';
  await test.step('the file is downloaded and every code in it is read', async () => {
    await page.goto(`${community}/codes`);
    const total = Number(await page.locator('.stats a').first().innerText());
    await page.locator('#format').selectOption('stickers');
    await page.locator('main form', { has: page.locator('#format') }).locator('button').click();
    await expect(page).toHaveURL(/\/admin\/prints\//);
    const download = page.waitForEvent('download');
    await page.locator('main a[href$="/file"]').click();
    const file = join(mkdtempSync(join(tmpdir(), 'linli-file-')), 'codes.pdf');
    await (await download).saveAs(file);
    await expect(page.frameLocator('iframe').locator('.tag')).toContainText(String(total));
    await expect(page.frameLocator('iframe').locator('.tag .i')).toBeVisible();
    await look(page, 'admin-print');
    const codes = read(file);
    expect(new Set(codes).size).toBe(total);
    await page.goto(`/admin/contact-points?q=${encodeURIComponent(`${mark} 1`)}`);
    code = (await page.locator('tbody .code').first().innerText()).trim();
    expect(codes.some((url) => url.endsWith(`/q/${code}`))).toBe(true);
  });

  await test.step('a resident says that it looks wrong', async () => {
    const resident = await person('phone');
    await resident.goto(`/q/${code}/wrong`);
    await look(resident, 'sticker-wrong');
    await resident.locator('#reason-fake').check();
    await resident.locator('#body').fill(mark);
    await resident.locator('main form button').click();
    await look(resident, 'sticker-wrong-thanks');
  });

  await test.step('the admin looks, and puts a new one in its place', async () => {
    await page.goto('/admin/contact-points?state=reported');
    await look(page, 'admin-stickers');
    await page.locator('tbody tr', { hasText: code }).locator('th a').click();
    await expect(page.locator('.banner.bad')).toContainText(mark);
    await look(page, 'admin-sticker-reported');
    await page.locator('.banner.bad button').click();
    await expect(page.locator('.banner.bad')).toHaveCount(0);
    const old = page.url().split('?')[0]!;
    await page.locator('details', { has: page.locator('#ends') }).locator('summary').click();
    await page.locator('#ends').selectOption('message');
    await page.locator('details', { has: page.locator('#ends') }).locator('button').click();
    await expect(page).not.toHaveURL(old);
    await expect(page.locator('main a', { hasText: code })).toBeVisible();
    await look(page, 'admin-sticker-waiting');
    const resident = await person('phone');
    const status = async () => (await resident.goto(`/q/${code}`))?.status();
    // The old one still works; the new one hangs, and it does no more.
    expect(await status()).toBe(200);
    await page.locator('form', { has: page.locator('[value=hangs]') }).locator('button').click();
    await expect(page.locator('[value=hangs]')).toHaveCount(0);
    expect(await status()).toBe(410);
    await expect(resident.locator('main')).toContainText(`${mark} 1`);
    await expect(resident.locator('html')).toHaveAttribute('lang', locale!);
    await look(resident, 'sticker-revoked');
  });
});
