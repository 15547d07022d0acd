// The main job from end to end: two residents' phones and one worker, on a phone or a desktop, with JavaScript and without.
import type { Page } from '@playwright/test';
import { checkAccessible, checkFits, decode, expect, shot, test } from './fixture.ts';

const words = {
  'zh-CN': { question: '一楼下水道又堵了', note: '物业师傅下午两点到', answer: '今天下午三点来修，您放心', more: '还有一件事', again: '收到，我记下了', other: '又有一部设备', second: '我是另一部手机' },
  en: { question: 'The drain is blocked again', note: 'Plumber comes at two', answer: 'It will be repaired at three today', more: 'One more thing', again: 'Noted, thank you', other: 'One more device', second: 'I am the second phone' },
};

test('a resident scans and a named worker answers', async ({ person, linli, locale, javaScriptEnabled }) => {
  test.slow();
  const say = words[locale as keyof typeof words];
  const mark = ` ${test.info().project.name}`;
  const sticker = linli.scanUrls[0]!;
  const first = await person('phone');

  await test.step('the sticker shows who answers, and one box to write in', async () => {
    await first.goto(sticker);
    await expect(first.getByRole('heading', { level: 1 })).toHaveText('王芳');
    await expect(first.locator('#text')).toBeInViewport();
    await checkFits(first);
    await checkAccessible(first);
    await shot(first, 'sticker');
  });

  await test.step('the first message brings a dated promise and a claim code', async () => {
    await first.locator('#text').fill(say.question + mark);
    await first.locator('form.write button').click();
    await expect(first).toHaveURL(/\/c\//);
    await expect(first.locator('#log')).toContainText(say.question + mark);
    await expect(first.locator('#promise time')).not.toBeEmpty();
    const qr = test.info().outputPath('claim.png');
    await first.locator('.receipt .qr').screenshot({ path: qr });
    expect(decode(qr)).toMatch(/\/claim\/\w+$/);
    await checkFits(first);
    await checkAccessible(first);
    await shot(first, 'conversation');
  });
  const conversation = first.url();
  const code = (await first.locator('.receipt .body .code').innerText()).trim();

  await test.step('an address for answers is optional', async () => {
    await first.locator('details', { has: first.locator('#email') }).locator('summary').click();
    await first.locator('#email').fill(address(mark));
    await first.locator('#email').locator('xpath=ancestor::form').getByRole('button').click();
    await expect(first.locator('main')).toContainText(address(mark));
  });

  const second = await person('phone');
  await test.step('the same sticker on a second phone shows none of it', async () => {
    await second.goto(sticker);
    await expect(second.locator('body')).not.toContainText(say.question + mark);
    expect((await second.goto(conversation))?.status()).toBe(404);
  });

  const worker = await person();
  await test.step('the worker sees it, keeps a note and answers', async () => {
    const { email, password } = linli.signIns.find(({ role }) => role === 'worker')!;
    await worker.goto('/sign-in');
    await checkAccessible(worker);
    await shot(worker, 'sign-in');
    await worker.locator('[name=email]').fill(email);
    await worker.locator('[name=password]').fill(password);
    await worker.locator('main form button').last().click();
    await expect(worker).toHaveURL(/\/inbox/);
    await checkFits(worker);
    await checkAccessible(worker);
    await shot(worker, 'inbox');
    await worker.locator('#list a.row', { hasText: say.question + mark }).click();
    await expect(worker.locator('#log')).toContainText(say.question + mark);
    await write(worker, say.note + mark, 'note');
    await write(worker, say.answer + mark, 'answer');
    await checkFits(worker);
    await checkAccessible(worker);
    await shot(worker, 'inbox-conversation');
  });

  await test.step('the resident sees the answer, not the note, and the promise is kept', async () => {
    if (!javaScriptEnabled) await first.reload();
    await expect(first.locator('#log')).toContainText(say.answer + mark);
    await expect(first.locator('#log')).not.toContainText(say.note);
    await expect(first.locator('#promise .done')).toBeVisible();
    await shot(first, 'answered');
  });

  await test.step('the claim code opens it on the second phone, and the first is told', async () => {
    await second.goto('/claim');
    await checkAccessible(second);
    await second.locator('#code').fill(code.toLowerCase());
    await second.locator('main form button').click();
    await expect(second.locator('#log')).toContainText(say.question + mark);
    await second.locator('#text').fill(say.second + mark);
    await second.locator('#write button').click();
    await expect(second.locator('#log')).toContainText(say.second + mark);
    if (!javaScriptEnabled) await first.reload();
    await expect(first.locator('#log')).toContainText(say.other);
    await expect(first.locator('#log')).toContainText(say.second + mark);
  });

  await test.step('with every page closed, a mail brings the resident back with one click', async () => {
    await first.goto('about:blank');
    await second.goto('about:blank');
    // A slow first answer may have been announced already, before the page was looked at again.
    const before = (await linli.mailsTo(address(mark))).length;
    await worker.reload();
    await write(worker, say.again + mark, 'answer');
    await expect.poll(async () => (await linli.mailsTo(address(mark))).length, { timeout: 30_000 }).toBe(before + 1);
    const mail = (await linli.mailsTo(address(mark))).at(-1);
    expect(mail!.text).not.toContain(say.again);
    const link = /http:\/\/\S+\/r\/\S+/.exec(mail!.text!)![0];
    const elsewhere = await person('phone');
    await elsewhere.goto(link);
    await expect(elsewhere.locator('body')).not.toContainText(say.question);
    await checkAccessible(elsewhere);
    await elsewhere.locator('main form button').first().click();
    await expect(elsewhere.locator('#log')).toContainText(say.again + mark);
  });
});

const address = (mark: string) => `resident.${mark.trim().toLowerCase()}@example.cn`;

async function write(page: Page, text: string, intent: 'answer' | 'note') {
  await page.locator('#text').fill(text);
  await page.locator(`#answer button[value=${intent}]`).click();
  await expect(page.locator('#log')).toContainText(text);
}
