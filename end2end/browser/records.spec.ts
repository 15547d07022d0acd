// Settings that inherit, the tree of units by mouse, keyboard and without JavaScript, and the auditor who reads what was done.
import type { Page } from '@playwright/test';
import { checkAccessible, checkFits, expect, shot, signIn, test } from './fixture.ts';

async function isGood(page: Page, name: string) {
  await expect(page.locator('h1')).toHaveCount(1);
  await checkFits(page);
  await checkAccessible(page);
  await shot(page, name);
}

test('a setting is locked above and closed below, and the auditor reads of it', async ({ page, person, linli }) => {
  test.slow();
  await signIn(page, linli, 'admin');
  await page.goto('/admin/units?q=' + encodeURIComponent('桃花岭社区'));
  await page.locator('a[href^="/admin/units/"]', { hasText: '桃花岭社区' }).first().click();
  const unit = new URL(page.url()).pathname;
  await page.locator(`a[href="${unit}/settings"]`).click();
  await isGood(page, 'settings');
  await page.locator('#promise_minutes-yes').check();
  await page.locator('[name=promise_minutes]').fill('soon');
  await page.locator('form.settings button').last().click();
  await expect(page.locator('.sum')).toBeVisible();
  await isGood(page, 'settings-wrong');
  await page.locator('[name=promise_minutes]').fill('120');
  await page.locator('#promise_minutes-lock').check();
  await page.locator('form.settings button').last().click();
  await expect(page.locator('#promise_minutes .value')).toContainText('120');
  await expect(page.locator('#promise_minutes-lock')).toBeChecked();
  await page.goto('/admin/units?q=' + encodeURIComponent('桃花岭社区第一网格'));
  await page.locator('a[href^="/admin/units/"]', { hasText: '第一网格' }).first().click();
  await page.goto(page.url() + '/settings');
  await expect(page.locator('#promise_minutes .locked')).toBeVisible();
  await expect(page.locator('[name=promise_minutes]')).toHaveCount(0);
  await isGood(page, 'settings-locked');

  const auditor = await person();
  await signIn(auditor, linli, 'auditor');
  await auditor.goto('/admin/audit');
  await expect(auditor.locator('.trail')).toContainText('120');
  await isGood(auditor, 'records');
  await auditor.locator('#what').selectOption('setting');
  await auditor.locator('#who').fill('林');
  await auditor.locator('form.filters button').click();
  await expect(auditor.locator('.trail tbody tr').first()).toContainText('120');
  const [file] = await Promise.all([auditor.waitForEvent('download'), auditor.locator('button[value=csv]').click()]);
  expect(file.suggestedFilename()).toMatch(/^linli-audit-\d+\.csv$/);
});

test('the tree opens a level at a time and is searched', async ({ page, linli, javaScriptEnabled }) => {
  await signIn(page, linli, 'admin');
  await page.goto('/admin/units');
  await isGood(page, 'tree');
  const node = (name: string) => page.locator('.node', { hasText: name }).first();
  await node('云集街道').locator('.turn').click();
  await expect(node('桃花岭社区')).toBeVisible();
  await isGood(page, 'tree-open');
  if (!javaScriptEnabled) {
    await page.locator('#q').fill('thl');
    await page.locator('form.find button').click();
    await expect(page.locator('#found')).toContainText('桃花岭社区');
    return;
  }
  await page.locator('#q').pressSequentially('thl');
  await expect(page.locator('#found')).toContainText('桃花岭社区');
  await expect(page.locator('#tree')).toBeHidden();
  // Said by a region that was there before.
  await expect(page.locator('#told[role=status]')).toContainText(/[1-9]/);
  await isGood(page, 'tree-found');
  await page.locator('#q').fill('');
  await expect(page.locator('#tree')).toBeVisible();
});

test('the tree is walked by keyboard', async ({ page, linli, javaScriptEnabled, device }) => {
  test.skip(!javaScriptEnabled || device === 'phone', 'links without JavaScript, fingers on a phone');
  await signIn(page, linli, 'admin');
  await page.goto('/admin/units');
  const here = () => page.evaluate(() => document.activeElement?.querySelector('.name a')?.textContent);
  await expect(page.locator('#tree')).toHaveRole('tree');
  await expect(page.locator('#tree [tabindex="0"]')).toHaveCount(1);
  await page.locator('#tree [tabindex="0"]').focus();
  await page.keyboard.press('Home');
  const top = await here();
  await page.keyboard.type('xlq');
  expect(await here()).toBe('西陵区');
  await page.keyboard.press('ArrowRight');
  expect(await here()).toBe('西陵街道');
  await page.keyboard.press('ArrowLeft');
  expect(await here()).toBe('西陵区');
  await page.keyboard.press('ArrowLeft');
  await expect(page.locator('.node', { hasText: '云集街道' })).toBeHidden();
  await page.keyboard.press('ArrowRight');
  await page.waitForTimeout(800);
  await page.keyboard.type('yjjd');
  expect(await here()).toBe('云集街道');
  await page.keyboard.press('ArrowRight');
  await expect(page.locator('.node', { hasText: '桃花岭社区' })).toBeVisible();
  await page.keyboard.press('Home');
  expect(await here()).toBe(top);
  await page.keyboard.press('End');
  expect(await here()).not.toBe(top);
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/admin\/units\/[0-9a-f]{32}$/);
});
