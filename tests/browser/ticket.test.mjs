// Orders by hand in the paper account that everybody has: placed, changed, cancelled, refused, and stopped by the
// kill switch. In Korean on a desktop, in English on a phone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, folder, settled, shot, signIn, start, texts, visitor } from './support.mjs';

const PASSWORD = 'a-long-enough-password-1';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const PLACES = [
  { language: 'ko', where: 'wide', options: {}, symbol: '005930', won: (n) => `${n}원` },
  { language: 'en', where: 'phone', options: PHONE, symbol: '000660', won: (n) => `₩${n}` },
];

test('orders by hand on paper', async (t) => {
  const data = folder(t);
  const server = await start(t, ['serve', '--data-dir', data, '--listen', '127.0.0.1:0']);
  const chrome = await browser(t);

  await t.test('the first person registers and finds the paper account', async () => {
    const v = await visitor(chrome, server.url);
    await v.page.goto(server.url);
    await v.by('register-setup-code').fill(readFileSync(join(data, 'setup-code'), 'utf8').trim());
    await v.by('register-username').fill('owner');
    await v.by('register-password').fill(PASSWORD);
    await v.by('register-password-repeat').fill(PASSWORD);
    await v.by('register-submit').click();
    await v.by('paper-home').waitFor();
    await shot(v.page, 'wide-paper-home');
    await v.by('paper-order').click();
    await v.by('ticket-form').waitFor();
    await v.go('/account');
    await settled(v.page);
    await v.by('limits').waitFor();
    assert.equal(await v.by('broker-key').count(), 0, 'no broker key for an account without a broker');
    assert.equal(await v.by('telegram').count(), 0);
    v.assertClean('as a new user');
    await v.context.close();
  });

  for (const { language, where, options, symbol, won } of PLACES) {
    await t.test(`a day at the ticket (${language}, ${where})`, async (t) => {
      const words = texts(language);
      const v = await visitor(chrome, server.url, options);
      const { page, by } = v;
      await signIn(v, 'owner', PASSWORD);
      if ((await page.evaluate(() => document.documentElement.lang)) !== language) await by('language-switch').click();
      await page.waitForFunction((is) => document.documentElement.lang === is, language);
      const picture = (name) => shot(page, `${where}-${language}-${name}`);
      const state = (word) => by('order-state').first().getByText(words.orderState[word], { exact: true }).waitFor();
      const ready = () => page.locator('[data-testid="ticket-review"][aria-disabled="false"]').waitFor();

      await t.test('previews an order and names whose money counts', async () => {
        await v.go('/ticket');
        await by('ticket-symbol').fill(symbol);
        await by('ticket-quantity').fill('10');
        await by('ticket-price').fill('70000');
        await ready();
        const text = await by('ticket-preview').innerText();
        assert.ok(text.includes(won('700,000')) && text.includes(won('98')), text);
        assert.ok(text.includes(words.powerBasis.cash_only), text);
        await picture('ticket');
      });

      await t.test('places it once, however often the button is pressed', async () => {
        await by('ticket-review').click();
        await by('environment-own').getByText(words.environmentText.own).waitFor();
        await picture('ticket-confirm');
        await by('ticket-confirm-confirm').dblclick();
        await state('accepted');
        await v.go(`/orders?tab=orders&symbol=${symbol}`);
        await by('order-row').first().waitFor();
        await settled(page);
        assert.equal(await by('order-row').count(), 1);
        await picture('orders');
        await by('order-row').getByRole('link').first().click();
      });

      await t.test('changes price and quantity, fewer shares only', async () => {
        await by('order-amend-open').click();
        await by('order-amend-quantity').fill('11');
        await page.getByText(words.orders.fewerOnly).waitFor();
        assert.ok(await by('order-amend-confirm').isDisabled());
        await by('order-amend-quantity').fill('8');
        await by('order-amend-price').fill('69000');
        await picture('order-amend');
        await by('order-amend-confirm').click();
        const events = by('order-events');
        await events.getByText(words.event.order_amended, { exact: true }).waitFor();
        assert.ok((await events.innerText()).includes(`8 × ${won('69,000')}`), await events.innerText());
        await picture('order-amended');
      });

      await t.test('cancels it', async () => {
        await by('order-cancel-open').click();
        await by('order-cancel-confirm').click();
        await state('cancelled');
        await by('order-events').getByText(words.event.order_cancelled, { exact: true }).waitFor();
        await by('order-cancel-open').waitFor({ state: 'detached' });
      });

      await t.test('says beforehand why an order would be refused, with the limit', async () => {
        await v.go(`/ticket?symbol=${symbol}&quantity=1000000`);
        await by('ticket-price').fill('70000');
        const refusal = by('ticket-refusal');
        await refusal.getByText(words.errors.limit_buying_power).waitFor();
        assert.match(await refusal.innerText(), /100,000,000.*70,000,000,000/s);
        await by('ticket-review').click({ force: true });
        assert.equal(await by('ticket-confirm').count(), 0, 'what is refused is not even asked about');
        await by('ticket-quantity').fill('1');
        await by('ticket-sell').click();
        await refusal.getByText(words.errors.limit_free_shares).waitFor();
        await picture('ticket-refused');
      });

      await t.test('stops everything at once and lifts it with the password only', async () => {
        await v.go(`/ticket?symbol=${symbol}&quantity=2`);
        await by('ticket-price').fill('60000');
        await ready();
        await by('ticket-review').click();
        await by('ticket-confirm-confirm').click();
        await state('accepted');
        await by('kill-switch').click();
        await by('kill-user-stop').click();
        await by('kill-switch-banner').getByText(words.killSwitch.stoppedUser).waitFor();
        await picture('kill-switch');
        await page.keyboard.press('Escape');
        await state('cancelled');
        await v.go(`/ticket?symbol=${symbol}&quantity=3`);
        await by('ticket-price').fill('60000');
        await by('ticket-refusal').getByText(words.errors.halted).waitFor();
        await page.reload();
        await by('kill-switch-banner').getByRole('button').click();
        v.expect(403, /\/kill-switch$/);
        v.expect(422, /\/auth\/step-up$/);
        await by('kill-user-lift').click();
        await by('proof-text').fill('not-the-password');
        await by('proof-confirm').click();
        await by('proof').getByText(words.errors.wrong_current_password).waitFor();
        await by('proof-text').fill(PASSWORD);
        await by('proof-confirm').click();
        await by('kill-switch-banner').waitFor({ state: 'detached' });
        await page.keyboard.press('Escape');
      });

      await t.test('fits and reads well on every page of it', async () => {
        for (const path of ['/', '/ticket', '/orders', '/positions', '/bots', '/schedule', '/account', '/admin']) {
          await v.go(path);
          await settled(page);
          const text = await page.locator('main').innerText();
          if (language === 'en') assert.doesNotMatch(text, /[가-힣]/, path);
          else assert.doesNotMatch(text, /(?:\b[a-z]{2,} ){3,}/, path);
          if (options === PHONE) assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, path);
          await picture(`paper-${path.slice(1) || 'home'}`);
        }
      });

      v.assertClean(language);
      await v.context.close();
    });
  }
});
