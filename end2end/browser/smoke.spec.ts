import { checkAccessible, checkFits, expect, shot, test } from './fixture.ts';

for (const path of ['/', '/sign-in']) {
  test(`${path} opens in the reader's language, fits, and is in nobody's way`, async ({ page, locale }) => {
    const answer = await page.goto(path);
    expect(answer?.status()).toBe(200);
    await expect(page.locator('html')).toHaveAttribute('lang', locale!);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await checkFits(page);
    await checkAccessible(page);
    await shot(page, path === '/' ? 'home' : path.slice(1));
  });
}
