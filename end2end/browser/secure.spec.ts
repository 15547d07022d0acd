// Getting in: the second step, recovery codes, and with JavaScript a passkey of Chromium's virtual authenticator.
import type { CDPSession, Page } from '@playwright/test';
import { checkAccessible, checkFits, expect, shot, signIn, test as base } from './fixture.ts';
import { startLinli, totp, type Linli } from './linli.ts';

// Passkeys are for names, not numbers: a Linli of its own at localhost. Each test signs in as somebody else.
const test = base.extend<{}, { linli: Linli }>({
  linli: [
    async ({}, use) => {
      const { linli, stop } = await startLinli('localhost');
      await use(linli);
      await stop();
    },
    { scope: 'worker', timeout: 60_000 },
  ],
});

async function withPassword(page: Page, linli: Linli, role: string, back = '/account') {
  const { email, password } = linli.signIns.find((one) => one.role === role)!;
  await page.goto(`/sign-in?back=${back}`);
  await page.locator('[name=email]').fill(email);
  await page.locator('[name=password]').fill(password);
  await page.locator('form[action="/sign-in"] button').click();
}

test('a worker sets up the second step, signs in with it, and with a recovery code', async ({ page, person, linli }) => {
  await withPassword(page, linli, 'worker', '/account/second-factor');
  await expect(page).toHaveURL(/second-factor/);
  await page.locator('details', { has: page.locator('.secret') }).locator('summary').click();
  const secret = (await page.locator('.secret').innerText()).replace(/\s/g, '');
  await page.locator('details', { has: page.locator('.secret') }).locator('summary').click();
  await checkFits(page);
  await checkAccessible(page);
  await shot(page, 'second-factor-set-up');
  await page.locator('[name=code]').fill(linli.code(secret));
  await page.locator('form:has([name=nonce]) button').click();
  await expect(page.locator('.codes li')).toHaveCount(10);
  const codes = await page.locator('.codes li').allInnerTexts();
  await checkFits(page);
  await checkAccessible(page);
  await shot(page, 'recovery-codes');
  await page.locator('main a.btn').click();
  await expect(page).toHaveURL(/\/account$/);
  await checkAccessible(page);

  const other = await person();
  await withPassword(other, linli, 'worker');
  await expect(other).toHaveURL(/sign-in\/second/);
  await checkFits(other);
  await checkAccessible(other);
  await shot(other, 'second-step');
  await other.locator('[name=code]').fill('000000');
  await other.locator('form:has([name=code]) button').click();
  await expect(other.locator('[role=alert]')).toBeVisible();
  await checkAccessible(other);
  await other.locator('[name=code]').fill(codes[0]!);
  await other.locator('form:has([name=code]) button').click();
  await expect(other).toHaveURL(/\/account$/);
});

/** An authenticator like a phone's: it keeps passkeys and asks for a finger, which is always right. */
async function authenticator(page: Page): Promise<CDPSession> {
  const session = await page.context().newCDPSession(page);
  await session.send('WebAuthn.enable');
  const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true } as const;
  await session.send('WebAuthn.addVirtualAuthenticator', { options: { ...options, automaticPresenceSimulation: true } });
  return session;
}

test('a passkey is added, signs in without a password and as the second step, and is removed', async ({ page, linli, javaScriptEnabled }) => {
  test.skip(!javaScriptEnabled, 'passkeys need JavaScript, and the page says so');
  await authenticator(page);
  await withPassword(page, linli, 'substitute', '/account/second-factor');
  await page.locator('#passkeys [name=name]').fill('值班室的电脑');
  await page.locator('#passkeys form[data-passkey] button').click();
  // The first second factor of any kind brings recovery codes, shown once.
  await expect(page.locator('.codes li')).toHaveCount(10);
  await checkAccessible(page);
  await page.goto('/account/second-factor');
  await expect(page.locator('#passkeys li', { hasText: '值班室的电脑' })).toBeVisible();
  await checkFits(page);
  await checkAccessible(page);
  await shot(page, 'passkeys');

  await test.step('twice on one device is refused kindly', async () => {
    await page.locator('#passkeys [name=name]').fill('再来一个');
    await page.locator('#passkeys form[data-passkey] button').click();
    await expect(page.locator('#passkeys .err')).toBeVisible();
  });

  await test.step('without a password', async () => {
    await page.context().clearCookies({ name: 'session' });
    await page.goto('/sign-in?back=/account/second-factor');
    await checkAccessible(page);
    await shot(page, 'sign-in-passkey');
    await page.locator('form[data-passkey] button').click();
    await expect(page).toHaveURL(/second-factor/);
    await expect(page.locator('#passkeys li')).toHaveCount(1);
  });

  await test.step('as the second step', async () => {
    await page.context().clearCookies({ name: 'session' });
    await withPassword(page, linli, 'substitute', '/account/second-factor');
    await expect(page).toHaveURL(/sign-in\/second/);
    await page.locator('form[data-passkey] button').click();
    await expect(page).toHaveURL(/account\/second-factor/);
  });

  await test.step('removed', async () => {
    await page.locator('#passkeys li button').click();
    await expect(page.locator('#passkeys li')).toHaveCount(0);
    await page.context().clearCookies({ name: 'session' });
    await page.goto('/sign-in');
    await page.locator('form[data-passkey] button').click();
    await expect(page.locator('form[data-passkey] .err')).toBeVisible();
  });
});

test('without JavaScript everything but the passkey works', async ({ page, linli, javaScriptEnabled }) => {
  test.skip(javaScriptEnabled !== false, 'with JavaScript the form is there');
  await withPassword(page, linli, 'teacher', '/account/second-factor');
  await expect(page.locator('form[data-passkey]')).toBeHidden();
  await expect(page.locator('[data-without-passkey]')).toBeVisible();
});

test('an admin signs in with the sample’s app, and sees invitations', async ({ page, linli }) => {
  await signIn(page, linli, 'admin');
  await page.goto('/admin/invitations?state=answered');
  await expect(page.locator('tbody tr').first()).toBeVisible();
  const admin = linli.signIns.find(({ role }) => role === 'admin')!;
  expect(totp(admin.authenticator!.secret, 59)).toMatch(/^\d{6}$/);
});

test('an invitation that is refused becomes a task, is corrected and arrives', async ({ page, linli }) => {
  const mark = `${test.info().project.name}-${test.info().workerIndex}`.toLowerCase();
  const [wrong, right] = [`wrong.${mark}@linli.example`, `right.${mark}@linli.example`];
  await signIn(page, linli, 'admin');
  await linli.behave('refuse5xx', 1);
  await page.goto('/admin/staff/new');
  await page.locator('[name=name]').fill('陈晓梅');
  await page.locator('[name=email]').fill(wrong);
  await page.locator('main form button').last().click();
  const failed = page.locator('tbody tr', { hasText: wrong });
  await expect
    .poll(async () => (await page.goto('/admin/invitations?state=failed'), failed.count()), { timeout: 30_000, intervals: [1000] })
    .toBe(1);
  await checkFits(page);
  await checkAccessible(page);
  await shot(page, 'admin-invitations-failed');
  await failed.locator('[name=email]').fill(right);
  await failed.locator('button').click();
  await expect.poll(async () => (await linli.mailsTo(right)).length, { timeout: 30_000, intervals: [1000] }).toBe(1);
  await page.goto('/admin/invitations?state=sent');
  await expect(page.locator('tbody tr', { hasText: right })).toBeVisible();
  await checkAccessible(page);
});
