// What the islands add to a conversation: messages as they come, and sending that survives a cut. Without JavaScript there is none of it.
import type { Page } from '@playwright/test';
import { expect, test } from './fixture.ts';
import type { SignIn } from './linli.ts';

/** Does what leads to a conversation's page, until the client there is attached: it opens its stream last. */
async function alive(page: Page, lead: () => Promise<unknown>) {
  const stream = page.waitForRequest(/\/live\?after=/);
  await lead();
  await stream;
}

/** Scans and writes the first message. */
async function begin(page: Page, scanUrl: string, text: string) {
  await page.goto(scanUrl);
  await page.locator('#text').fill(text);
  await alive(page, () => page.locator('#write button').click());
  await expect(page).toHaveURL(/\/c\//);
}

async function say(page: Page, text: string) {
  await page.locator('#text').fill(text);
  await page.locator('#write button').click();
}

async function signIn(page: Page, { email, password }: SignIn) {
  await page.goto('/sign-in');
  await page.locator('[name=email]').fill(email);
  await page.locator('[name=password]').fill(password);
  await page.locator('main form button').last().click();
  await expect(page).toHaveURL(/\/inbox/);
}

/** The texts the resident has written, as the page shows them. */
const mine = (page: Page) => page.locator('#log .mine .say');

let count = 0;
/** A text no other test has written. */
const unique = (text: string) => `${text} ${test.info().project.name} ${test.info().workerIndex}.${count++}`;

test('an answer appears on the open page, and the promise is kept', async ({ page, person, linli }) => {
  const question = unique('楼道灯坏了');
  await begin(page, linli.scanUrls[0]!, question);
  await expect(page.locator('#promise .done')).toHaveCount(0);

  const worker = await person('desktop');
  await signIn(worker, linli.signIns.find(({ role }) => role === 'worker')!);
  await worker.locator('#list a.row', { hasText: question }).click();
  await expect(worker.locator('#log')).toContainText(question);
  const answer = unique('今天下午来修');
  await worker.locator('#text').fill(answer);
  await worker.locator('#answer button[value=answer]').click();

  await expect(page.locator('#log .msg:not(.mine)', { hasText: answer })).toHaveCount(1);
  await expect(page.locator('#promise .done')).toBeVisible();
  await expect(worker.locator('#log .mine', { hasText: answer })).toHaveCount(1);

  const thanks = unique('谢谢');
  await say(page, thanks);
  await expect(worker.locator('#log .msg:not(.mine)', { hasText: thanks })).toHaveCount(1);
});

test('a double tap is one message, and the box is ready for the next', async ({ page, linli }) => {
  await begin(page, linli.scanUrls[0]!, unique('水管漏了'));
  const text = unique('很急');
  await page.locator('#text').fill(text);
  await page.locator('#write button').dblclick();
  await expect(page.locator('#text')).toHaveValue('');
  await expect(page.locator('#text')).toBeFocused();
  await say(page, unique('在三楼'));
  await expect(page.locator('#log [data-key]')).toHaveCount(0);
  await expect(mine(page).filter({ hasText: text })).toHaveCount(1);
  await page.reload();
  await expect(mine(page)).toHaveCount(3);
});

test('without network messages wait, and go out once and in order when it is back', async ({ page, context, linli }) => {
  await begin(page, linli.scanUrls[0]!, unique('门坏了'));
  const texts = [unique('第一'), unique('第二')];
  await context.setOffline(true);
  for (const text of texts) await say(page, text);
  await expect(page.locator('#log .state')).toHaveCount(2);
  await context.setOffline(false);
  await expect(page.locator('#log .state')).toHaveCount(0);
  await page.reload();
  expect((await mine(page).allTextContents()).slice(1)).toEqual(texts);
});

test('what waited when the page was closed is sent by the next one', async ({ page, context, linli }) => {
  await begin(page, linli.scanUrls[0]!, unique('电梯停了'));
  const [url, text] = [page.url(), unique('里面没有人')];
  await context.setOffline(true);
  await say(page, text);
  await expect(page.locator('#log .state')).toBeVisible();
  await page.close();
  await context.setOffline(false);
  const next = await context.newPage();
  await alive(next, () => next.goto(url));
  await expect(mine(next).filter({ hasText: text })).toHaveCount(1);
  await expect(next.locator('#log .state')).toHaveCount(0);
  await next.reload();
  await expect(mine(next).filter({ hasText: text })).toHaveCount(1);
});

test('a live stream that is refused is tried again, later each time and not by every page at once', async ({ page, linli }) => {
  // The pages of a district would all come back in the same second after a restart: each waits a time of its own. Here the waits are written down, not waited for.
  await page.addInitScript(() => {
    const [waits, wait] = [[] as number[], window.setTimeout];
    const hurried = (call: TimerHandler, milliseconds = 0) => wait(call, waits.push(milliseconds) && milliseconds >= 500 ? 10 : milliseconds);
    Object.assign(window, { waits, setTimeout: hurried });
  });
  const waits = () => page.evaluate(() => (window as unknown as { waits: number[] }).waits.filter((w) => w >= 500));
  const chance = (value: number) => page.evaluate((value) => Object.assign(Math, { random: () => value }), value);
  await page.route(/\/live\?after=/, (route) => route.fulfill({ status: 204 }));
  await begin(page, linli.scanUrls[0]!, unique('水停了'));
  await expect.poll(async () => (await waits()).length).toBeGreaterThan(8);
  const first = await waits();
  for (const [n, wait] of first.entries()) {
    const longest = Math.min(1000 * 2 ** n, 30_000);
    expect(wait).toBeGreaterThanOrEqual(longest / 2);
    expect(wait).toBeLessThanOrEqual(longest);
  }
  await chance(0);
  await expect.poll(async () => (await waits()).slice(first.length)).toContain(15_000);
  await chance(0.5);
  await expect.poll(async () => (await waits()).slice(first.length)).toContain(22_500);
});

test('a message whose acknowledgement was lost is not sent twice', async ({ page, linli }) => {
  await begin(page, linli.scanUrls[0]!, unique('路灯不亮'));
  const text = unique('已经三天了');
  let attempts = 0;
  await page.route(/\/c\/[0-9a-f]+$/, async (route) => {
    if (route.request().method() !== 'POST' || attempts++ > 0) return route.continue();
    await route.fetch();
    await route.abort('internetdisconnected');
  });
  await say(page, text);
  await expect.poll(() => attempts).toBe(1);
  await expect.poll(() => page.evaluate(() => Object.keys(localStorage).some((name) => name.startsWith('linli.queue.')))).toBe(true);
  await page.evaluate(() => new Promise((done) => setTimeout(done, 300)));
  await page.evaluate(() => window.dispatchEvent(new Event('online')));
  await expect.poll(() => attempts).toBe(2);
  await expect.poll(() => page.evaluate(() => Object.keys(localStorage).some((name) => name.startsWith('linli.queue.')))).toBe(false);
  await expect(mine(page).filter({ hasText: text })).toHaveCount(1);
  await page.reload();
  await expect(mine(page).filter({ hasText: text })).toHaveCount(1);
});

test('what came while the network was away is there when it is back, once', async ({ page, context, linli }) => {
  await begin(page, linli.scanUrls[0]!, unique('停水了'));
  const elsewhere = await context.newPage();
  await alive(elsewhere, () => elsewhere.goto(page.url()));
  await context.setOffline(true);
  await context.setOffline(false);
  const texts = [unique('一'), unique('二'), unique('三')];
  for (const text of texts) await say(elsewhere, text);
  await expect(mine(page)).toHaveCount(4);
  expect((await mine(page).allTextContents()).slice(1)).toEqual(texts);
});

test('a text the server refuses comes back into the box with the reason', async ({ page, linli }) => {
  await begin(page, linli.scanUrls[0]!, unique('有噪音'));
  const text = `${unique('半夜')}\u0007`;
  await say(page, text);
  await expect(page.locator('#write [role=alert]')).toBeVisible();
  await expect(page.locator('#text')).toHaveValue(text);
  await expect(mine(page)).toHaveCount(1);
  await say(page, unique('半夜'));
  await expect(page.locator('#write [role=alert]')).toHaveCount(0);
  await expect(mine(page)).toHaveCount(2);
});

test('a draft is still there after the page was loaded again, and gone once sent', async ({ page, linli }) => {
  await begin(page, linli.scanUrls[0]!, unique('想问一下'));
  const text = unique('写了一半');
  await page.locator('#text').fill(text);
  await alive(page, () => page.reload());
  await expect(page.locator('#text')).toHaveValue(text);
  await page.locator('#write button').click();
  await expect(page.locator('#log [data-key]')).toHaveCount(0);
  await alive(page, () => page.reload());
  await expect(page.locator('#text')).toHaveValue('');
});

test('the first message too is kept while there is no network', async ({ page, context, linli }) => {
  const text = unique('第一次写');
  await page.goto(linli.scanUrls[0]!);
  await page.locator('#text').fill(text);
  await expect.poll(() => page.evaluate(() => Object.keys(localStorage).length)).toBe(1);
  await page.reload();
  await expect(page.locator('#text')).toHaveValue(text);
  await context.setOffline(true);
  await page.locator('#write button').click();
  await expect(page.locator('#write [role=alert]')).toBeVisible();
  await context.setOffline(false);
  await expect(page).toHaveURL(/\/c\//);
  await expect(mine(page)).toHaveText([text]);
  await expect.poll(() => page.evaluate(() => Object.keys(localStorage).length)).toBe(0);
});

test('a first message that waited when the page was closed is sent by the next one', async ({ page, context, linli }) => {
  const text = unique('关掉以后');
  await page.goto(linli.scanUrls[0]!);
  await page.locator('#text').fill(text);
  await expect.poll(() => page.evaluate(() => Object.keys(localStorage).length)).toBe(1);
  await context.setOffline(true);
  await page.locator('#write button').click();
  await expect(page.locator('#write [role=alert]')).toBeVisible();
  await page.close();
  await context.setOffline(false);
  const next = await context.newPage();
  await next.goto(linli.scanUrls[0]!);
  await expect(next).toHaveURL(/\/c\//);
  await expect(mine(next)).toHaveText([text]);
});
