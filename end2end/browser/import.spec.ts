// A district admin brings a roster in: sees what is wrong, corrects it in the page, sees what would change, does it, and takes it back.
import type { Page } from '@playwright/test';
import { checkAccessible, checkFits, expect, shot, signIn, test } from './fixture.ts';

/** Waits until nobody is working on it any more; without scripts the page reloads by itself too. */
async function settled(page: Page) {
  await expect(page.locator('.wait-bar')).toHaveCount(0, { timeout: 20_000 });
}

async function look(page: Page, name: string) {
  await checkFits(page);
  await checkAccessible(page);
  await shot(page, name);
}

test('a roster comes on board and goes again', async ({ page, locale, linli }, testInfo) => {
  test.slow();
  await signIn(page, linli, 'admin');
  await page.goto('/admin/imports');
  await look(page, 'imports-none');

  // Each run of this test brings grids of its own.
  const mark = `${testInfo.project.name.replace(/\W/g, '').slice(-12)}${testInfo.repeatEachIndex}${testInfo.retry}`.toLowerCase();
  const grid = (n: number) => `试点网格${mark}${n}`;
  const rows = [
    ['网格名称', '所属社区', '网格员姓名', '邮箱', '电话'],
    [grid(1), '桃花岭社区', '陈新', `new1.${mark}@x.cn`, '13800000001'],
    [grid(2), '没有这个社区', '李新', `new2.${mark}@x.cn`, '13800000002'],
    [grid(3), '夷陵路社区', '周新', 'not an address', '13800000003'],
  ];
  const buffer = Buffer.from('\uFEFF' + rows.map((row) => row.join(',')).join('\r\n'), 'utf8');
  await page.goto('/admin/imports/new');
  await look(page, 'import-new');
  await page.locator('#file').setInputFiles({ name: '网格花名册.csv', mimeType: 'text/csv', buffer });
  await page.locator('main form button').first().click();
  await settled(page);
  await expect(page.locator('tbody tr')).toHaveCount(2);
  await look(page, 'import-mistakes');

  await page.locator('input[name="cell-0-3-1"]').fill('桃花岭社区');
  await page.locator('input[name="cell-0-4-3"]').fill(`new3.${mark}@x.cn`);
  await page.locator('main form:has(table) button').click();
  await settled(page);
  await expect(page.locator('#changes tbody tr')).toHaveCount(3);
  await look(page, 'import-changes');

  await page.locator('form.boxed button').click();
  await settled(page);
  await expect(page.locator('.banner .i').first()).toBeVisible();
  await look(page, 'import-done');
  await page.goto('/admin/units?q=' + encodeURIComponent(grid(1)));
  await expect(page.locator('.links li')).toHaveCount(1);

  await page.goto('/admin/imports');
  await look(page, 'imports');
  await page.locator('tbody th a').first().click();
  await page.locator('details.fold summary').last().click();
  await page.locator('input[name=confirm]').check();
  await page.locator('form.body .btn.bad').click();
  await settled(page);
  await page.goto('/admin/units?q=' + encodeURIComponent(grid(1)));
  await expect(page.locator('.links li')).toHaveCount(0);
  expect(locale).toBeTruthy();
});
