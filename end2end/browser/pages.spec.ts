// Every page opens in the reader's language, fits on the screen and is in nobody's way; also in the dark and with large letters.
import type { Page } from '@playwright/test';
import { checkAccessible, checkFits, expect, shot, signIn, test } from './fixture.ts';

/** Opens a page, looks at it and keeps a picture. */
async function look(page: Page, locale: string, path: string, name: string, status = 200) {
  await test.step(name, async () => {
    expect((await page.goto(path))?.status(), path).toBe(status);
    await expect(page.locator('html')).toHaveAttribute('lang', locale);
    await expect(page.locator('h1')).toHaveCount(1);
    await checkFits(page);
    await checkAccessible(page);
    await shot(page, name);
  });
}

/** Where the first link on the page leads whose address begins so. */
async function link(page: Page, start: string, text?: string): Promise<string> {
  return (await page.locator(`main a[href^="${start}"]`, { hasText: text }).first().getAttribute('href'))!;
}

test('what residents open', async ({ page, locale, linli }) => {
  await look(page, locale!, '/', 'home');
  await look(page, locale!, '/claim', 'claim');
  await look(page, locale!, '/claim/0000', 'claim-wrong');
  await look(page, locale!, '/q/00000000', 'unknown-code', 404);
  await look(page, locale!, '/nowhere', 'not-found', 404);
  await look(page, locale!, '/r/x', 'return-link-wrong', 404);
  await look(page, locale!, '/first/x', 'first-admin-wrong', 404);
  await look(page, locale!, '/invitation/x', 'invitation-wrong', 404);
  await look(page, locale!, '/sign-in/forgotten', 'forgotten');
  await look(page, locale!, linli.stickerOf('夷陵路社区第一网格'), 'sticker-off-duty');
  await look(page, locale!, '/c', 'my-conversations');
});

test('what everybody who works here opens', async ({ page, locale, linli }) => {
  await signIn(page, linli, 'worker');
  await look(page, locale!, '/inbox?q=' + encodeURIComponent('下水道'), 'inbox-search');
  await look(page, locale!, '/inbox?closed=1', 'inbox-closed');
  await look(page, locale!, '/account', 'account');
  await look(page, locale!, '/account/second-factor', 'second-factor');
  await look(page, locale!, '/quick-replies', 'quick-replies');
  await look(page, locale!, '/account/absences', 'absences');
  await look(page, locale!, '/admin', 'forbidden', 403);
});

test('what admins open', async ({ page, locale, linli }) => {
  test.slow();
  await signIn(page, linli, 'admin');
  await look(page, locale!, '/admin', 'admin');
  await look(page, locale!, '/admin/units', 'admin-units');
  await look(page, locale!, '/admin/units?q=' + encodeURIComponent('桃花岭'), 'admin-units-found');
  await look(page, locale!, '/admin/staff', 'admin-staff');
  const wang = await link(page, '/admin/staff/', '王芳');
  await look(page, locale!, '/admin/invitations', 'admin-invitations');
  await look(page, locale!, '/admin/invitations?state=answered', 'admin-invitations-answered');
  await look(page, locale!, '/admin/trial', 'admin-trial-never');
  await look(page, locale!, '/admin/staff/new', 'admin-invite');
  await look(page, locale!, wang, 'admin-person');
  await look(page, locale!, `${wang}/leave`, 'admin-leave');
  await look(page, locale!, `${wang}/absences`, 'admin-absences');
  await look(page, locale!, '/admin/grants', 'admin-grants');
  await page.goto(wang);
  const post = await link(page, '/admin/posts/');
  await look(page, locale!, post, 'admin-post');
  const unit = await link(page, '/admin/units/');
  const point = await link(page, '/admin/contact-points/');
  await look(page, locale!, `${post}/contact-points/new`, 'admin-new-contact-point');
  await look(page, locale!, point, 'admin-contact-point');
  await look(page, locale!, `${point}/sheet`, 'sheet');
  await look(page, locale!, unit, 'admin-unit');
  await look(page, locale!, `${unit}/posts/new`, 'admin-new-post');
  await look(page, locale!, `${unit}/calendar`, 'admin-calendar');
  await look(page, locale!, `/admin/units/new?parent=${unit.split('/').at(-1)}`, 'admin-new-unit');
});

test('what supervisors open', async ({ page, locale, linli }) => {
  await signIn(page, linli, 'supervisor');
  await look(page, locale!, '/supervision', 'supervision');
  const street = await link(page, '/supervision/units/');
  await look(page, locale!, street, 'supervision-unit');
  const community = await link(page, '/supervision/units/', '桃花岭');
  await look(page, locale!, community, 'supervision-community');
  await look(page, locale!, await link(page, '/supervision/units/', '第三'), 'supervision-grid');
  const post = await link(page, '/supervision/posts/');
  await look(page, locale!, `${post}?show=open`, 'supervision-post');
  await look(page, locale!, await link(page, '/supervision/conversations/'), 'supervision-conversation');
  await look(page, locale!, '/admin', 'supervision-forbidden', 403);
});

test('in the dark and with the largest letters', async ({ page, context, locale, linli }) => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await context.addCookies([{ name: 'view', value: 'elder-3', url: linli.url }]);
  await look(page, locale!, linli.scanUrls[0]!, 'sticker-elder-dark');
  await page.locator('#text').fill('灯');
  await page.locator('form.write button').click();
  await look(page, locale!, page.url(), 'conversation-elder-dark');
  await signIn(page, linli, 'worker');
  await look(page, locale!, '/inbox', 'inbox-elder-dark');
  await look(page, locale!, await link(page, '/inbox/'), 'inbox-conversation-elder-dark');
  await look(page, locale!, '/account', 'account-elder-dark');
});
