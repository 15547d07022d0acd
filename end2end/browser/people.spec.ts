// Who may do what, and who answers while somebody is away: as workers, supervisors, admins and residents meet it.
import type { Page } from '@playwright/test';
import { checkAccessible, checkFits, expect, signIn, test } from './fixture.ts';

async function fits(page: Page) {
  await checkFits(page);
  await checkAccessible(page);
}

test('a teacher is away for two days, parents read who answers, and she is back sooner', async ({ page, person, linli }) => {
  await signIn(page, linli, 'teacher');
  await page.goto('/account');
  await page.locator('main a[href="/account/absences"]').click();
  await page.locator('form.task button').click();
  // Without a last day the browser or the server says so.
  await expect(page).toHaveURL(/\/account\/absences$/);
  await page.locator('#until').fill('2026-11-22');
  await page.locator('#reason').selectOption('training');
  await page.locator('form.task button').click();
  await expect(page.getByRole('status')).toBeVisible();
  await fits(page);

  const parent = await person();
  await parent.goto(linli.stickerOf('三（2）班'));
  await expect(parent.locator('.card .facts')).toContainText('何静');
  await expect(parent.locator('.card h1')).not.toHaveText('何静');
  await fits(parent);

  await page.locator('button[value=end]').click();
  await parent.goto(linli.stickerOf('三（2）班'));
  await expect(parent.locator('.card h1')).toHaveText('何静');
});

test('a supervisor reads on record and writes nothing, and an admin sees who may do what', async ({ page, person, linli }) => {
  const resident = await person();
  await resident.goto(linli.scanUrls[0]!);
  await resident.locator('#text').fill('督导可以看这一句');
  await resident.locator('#write button').click();
  await expect(resident).toHaveURL(/\/c\//);
  const id = resident.url().split('/').at(-1)!.split('#')[0]!;

  await signIn(page, linli, 'supervisor');
  await page.goto(`/supervision/conversations/${id}`);
  await expect(page.locator('.log')).toContainText('督导可以看这一句');
  await expect(page.locator('main textarea')).toHaveCount(0);
  await fits(page);
  expect((await page.goto(`/inbox/${id}`))?.status()).toBe(404);

  const admin = await person();
  await signIn(admin, linli, 'admin');
  await admin.goto('/admin/grants');
  await expect(admin.locator('table')).toContainText('吴磊');
  await fits(admin);
});
