// What the island adds to the desk: the list and the open conversation as they change, and the keyboard. Without JavaScript there is none of it.
import type { Page } from '@playwright/test';
import { checkAccessible, expect, test } from './fixture.ts';
import type { Linli } from './linli.ts';

let count = 0;
/** A text no other test has written. */
const unique = (text: string) => `${text} ${test.info().project.name} ${test.info().workerIndex}.${count++}`;

/** Does what leads to a page of the desk, until the client there is attached: it opens its stream last. */
async function alive(page: Page, lead: () => Promise<unknown>) {
  const stream = page.waitForRequest(/\/live\?after=/);
  await lead();
  await stream;
}

async function signIn(page: Page, linli: Linli, role = 'worker') {
  const { email, password } = linli.signIns.find((one) => one.role === role)!;
  await page.goto('/sign-in');
  await page.locator('[name=email]').fill(email);
  await page.locator('[name=password]').fill(password);
  await alive(page, () => page.locator('main form button').last().click());
}

async function ask(page: Page, linli: Linli, text: string, sticker = linli.scanUrls[0]!) {
  await page.goto(sticker);
  await page.locator('#text').fill(text);
  await page.locator('#write button').click();
  await expect(page).toHaveURL(/\/c\//);
}

test('a new message appears in the list and in the title, and stays away from a pressed finger', async ({ page, person, linli }) => {
  await signIn(page, linli);
  const resident = await person('phone');
  const [first, second] = [unique('窗户关不上'), unique('还漏风')];
  await ask(resident, linli, first);
  await expect(page.locator('#list a.row.unread', { hasText: first })).toBeVisible();
  await expect(page).toHaveTitle(/^\(\d+\) /);
  await expect(page.locator('#unread')).toBeVisible();

  await page.mouse.move(5, 5);
  await page.mouse.down();
  await resident.locator('#text').fill(second);
  await resident.locator('#write button').click();
  await page.evaluate(() => new Promise((done) => setTimeout(done, 1500)));
  await expect(page.locator('#list')).not.toContainText(second);
  await page.mouse.up();
  await expect(page.locator('#list')).toContainText(second);
});

test('a conversation is answered without the mouse', async ({ page, person, linli }) => {
  const resident = await person('phone');
  const [question, note, answer] = [unique('路面塌了'), unique('已报市政'), unique('明天来修')];
  await ask(resident, linli, question);
  await signIn(page, linli);

  await page.keyboard.press('?');
  await expect(page.locator('#keys')).toBeVisible();
  await checkAccessible(page);
  await page.keyboard.press('Escape');
  await expect(page.locator('#keys')).toBeHidden();

  const row = page.locator('#list a.row', { hasText: question });
  for (let steps = 0; steps < 40 && !(await row.evaluate((one) => one === document.activeElement)); steps++) await page.keyboard.press('j');
  await page.keyboard.press('k');
  await expect(row).not.toBeFocused();
  await row.focus();
  await alive(page, () => page.keyboard.press('Enter'));
  await expect(page.locator('#log')).toContainText(question);

  // N writes a note and nothing but a note, until it is kept or Escape is pressed.
  await page.keyboard.press('n');
  await expect(page.locator('#text')).toBeFocused();
  await expect(page.locator('#answer')).toHaveAttribute('data-mode', 'note');
  await expect(page.locator('#text')).toHaveAccessibleName(/备注|note/);
  await checkAccessible(page);
  await page.keyboard.press('Escape');
  await expect(page.locator('#answer')).toHaveAttribute('data-mode', '');
  await page.keyboard.press('n');
  await page.keyboard.type(note);
  await page.keyboard.press('Control+Enter');
  await expect(page.locator('#log .memo .by', { hasText: /./ })).toHaveCount(1);
  await expect(page.locator('#answer')).toHaveAttribute('data-mode', '');
  await expect(page.locator('#log .memo', { hasText: note })).toHaveCount(1);

  await expect(page.locator('#text')).toBeFocused();
  await page.keyboard.type(`${answer} j k ? r`);
  await page.keyboard.press('Control+Enter');
  await expect(page.locator('#log .mine .say', { hasText: answer })).toHaveText(`${answer} j k ? r`);
  await expect(page.locator('#log [data-key]')).toHaveCount(0);
  await expect(page.locator('#state')).toHaveClass(/done/);
  await expect(resident.locator('#log .msg:not(.mine)', { hasText: answer })).toHaveCount(1);
  await expect(resident.locator('#log')).not.toContainText(note);

  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await expect(page).toHaveURL(/\/inbox$/);
});

test('a conversation is handed over without the mouse, and closed', async ({ page, person, linli }) => {
  const resident = await person('phone');
  const [question, reason] = [unique('路牌倒了'), unique('归社区管')];
  await ask(resident, linli, question);
  await signIn(page, linli);
  await page.locator('#list a.row', { hasText: question }).focus();
  await alive(page, () => page.keyboard.press('Enter'));
  await page.keyboard.press('h');
  await expect(page.locator('#post')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.locator('.talk .head .menu')).not.toHaveAttribute('open');
  await page.keyboard.press('q');
  await expect(page.locator('#answer .menu .panel :focus')).toHaveCount(1);
  await page.keyboard.press('Escape');
  await page.keyboard.press('h');
  const before = await resident.locator('#who h1').textContent();
  await page.keyboard.press('Tab');
  await page.keyboard.type(reason);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page.locator('.banner[role=status]')).toBeVisible();
  await expect(page.locator('#list')).not.toContainText(question);
  // The resident's open page names who answers now, above and beside the box.
  await expect(resident.locator('#who h1')).not.toHaveText(before!);
  const now = await resident.locator('#who h1').textContent();
  await expect(resident.locator('#text')).toHaveAttribute('placeholder', new RegExp(now!));

  const second = unique('还有一件');
  await ask(await person('phone'), linli, second);
  await page.locator('#list a.row', { hasText: second }).focus();
  await alive(page, () => page.keyboard.press('Enter'));
  await page.keyboard.press('r');
  await page.keyboard.type('已经办好');
  await page.keyboard.press('Control+Enter');
  await expect(page.locator('#state')).toHaveClass(/done/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('c');
  await expect(page).toHaveURL(/done=closed/);
});

test('two who look at one conversation see each other', async ({ page, person, linli }) => {
  // 孙浩 is off duty and 周婷 stands in, so that both have it.
  const question = unique('菜市场门口积水');
  const [holder, standIn] = ['off_duty', 'stand_in'].map((role) => linli.signIns.find((one) => one.role === role)!);
  await ask(await person('phone'), linli, question, linli.stickerOf('夷陵路社区第一网格'));
  const open = async (worker: Page, role: string) => {
    await signIn(worker, linli, role);
    await alive(worker, () => worker.locator('#list a.row', { hasText: question }).click());
  };
  await open(page, 'off_duty');
  await expect(page.locator('#here')).toBeHidden();
  const other = await person('desktop');
  await open(other, 'stand_in');
  await expect(page.locator('#here')).toContainText(standIn!.name);
  await expect(other.locator('#here')).toContainText(holder!.name);
  await other.close();
  await expect(page.locator('#here')).toBeHidden();
});

test('a quick reply goes into the box at the cursor', async ({ page, person, linli }) => {
  const resident = await person('phone');
  const question = unique('什么时候来');
  await ask(resident, linli, question);
  await signIn(page, linli);
  await alive(page, () => page.locator('#list a.row', { hasText: question }).click());
  await page.locator('#text').fill('您好！');
  await page.locator('#answer .menu summary').click();
  const reply = page.locator('#answer .panel .item').first();
  const text = await reply.getAttribute('data-text');
  await reply.click();
  await expect(page.locator('#text')).toHaveValue(`您好！${text}`);
  await expect(page.locator('#text')).toBeFocused();
  await expect(page.locator('#answer .menu')).not.toHaveAttribute('open');
});
