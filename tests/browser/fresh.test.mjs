// A fresh installation: the first administrator, an old server's data, a changed bot, and no trading.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, fixture, folder, manifest, settled, shot, signIn, start, texts, visitor } from './support.mjs';

const ko = texts('ko');
const PASSWORD = 'a-long-enough-password-1';
const grouped = (number, places) =>
  number.toLocaleString('en-US', { minimumFractionDigits: places, maximumFractionDigits: places });

test('a fresh installation, from the set-up code to the imported bots', async (t) => {
  const data = folder(t);
  const brokers = JSON.parse((await start(t, ['simulate'])).line).kis;
  const server = await start(t, ['serve', '--data-dir', data, '--listen', '127.0.0.1:0'], {
    EGGMONEY_KIS_LIVE: brokers.live,
    EGGMONEY_KIS_MOCK: brokers.paper,
  });
  const v = await visitor(await browser(t), server.url);
  const { page, by } = v;

  await t.test('leads to the registration of the first administrator', async () => {
    await page.goto(server.url);
    await by('register-form').waitFor();
    await shot(page, 'wide-register');
    v.expect(403, /\/auth\/register$/);
    await by('register-setup-code').fill('WRONG-CODE');
    await by('register-username').fill('owner');
    await by('register-password').fill(PASSWORD);
    await by('register-password-repeat').fill(PASSWORD);
    await by('register-submit').click();
    await page.getByText(ko.errors.setup_code_wrong).first().waitFor();
    await by('register-setup-code').fill(readFileSync(join(data, 'setup-code'), 'utf8').trim());
    await by('register-submit').click();
    await by('live-state').waitFor();
    assert.equal(await by('simulation-banner').count(), 0, 'nothing is simulated here');
  });

  await t.test('signs out and in again, and refuses a wrong password', async () => {
    await v.go('/profile');
    await by('logout').click();
    await by('login-form').waitFor();
    v.expect(401, /\/auth\/login$/);
    await by('login-username').fill('owner');
    await by('login-password').fill('not-the-password');
    await by('login-submit').click();
    await by('error-note').getByText(ko.errors.wrong_credentials).waitFor();
    assert.equal(await by('login-password').inputValue(), '', 'the wrong password is gone');
    await signIn(v, 'owner', PASSWORD);
  });

  await t.test('shows what an import would do, equal to the manifest', async () => {
    const tables = manifest().accounts.chan.tables;
    await v.go('/import');
    await by('import-db').setInputFiles(fixture('egg_chan.db'));
    await by('import-key-store').setInputFiles(fixture('key_store.chan.json'));
    await by('import-env').setInputFiles(fixture('dotenv.chan.txt'));
    assert.equal(await by('import-account-name').inputValue(), 'chan', 'the name is taken from the file');
    const chosen = await by('import-db').evaluate((input) => input.parentElement.innerText);
    assert.match(chosen, new RegExp(`${ko.file.choose}\\s+egg_chan\\.db`), 'the control speaks the language of the page');
    await by('import-upload').click();
    await by('import-report').waitFor();
    for (const [table, figures] of Object.entries({
      bot_info: { rows: '5', sum_seed: grouped(tables.bot_info.sum_seed, 2) },
      history: { rows: grouped(tables.history.rows, 0), sum_profit: grouped(tables.history.sum_profit, 2) },
      trade: { rows: '7', sum_total_price: grouped(tables.trade.sum_total_price, 2) },
      order: { rows: '2', sum_remain: grouped(tables.order.sum_remain, 2) },
    })) {
      const shown = page.getByRole('table', { name: ko.importTable[table] }).first();
      for (const [figure, value] of Object.entries(figures)) {
        const row = shown.getByRole('row').filter({ has: page.getByText(ko.importFigure[figure], { exact: true }) });
        const cells = await row.getByRole('cell').allInnerTexts();
        assert.deepEqual(cells.slice(0, 2), [value, value], `${table} ${figure}`);
      }
    }
    assert.equal(await page.locator('[data-equal="false"]').count(), 0, 'what is stored equals what was read');
    await shot(page, 'wide-import-report');
    const secrets = await by('import-secrets').innerText();
    assert.ok(!secrets.includes('FAKE-CHAN-APPSECRET'), 'no secret is shown');
    v.expect(403, /\/confirm$/);
    await by('import-confirm').click();
    await by('proof-text').fill(PASSWORD);
    await by('proof-confirm').click();
    await by('disclosure-dialog').waitFor();
    await shot(page, 'wide-disclosure');
    await by('disclosure-broker_key-read').check();
    await by('disclosure-broker_key-accept').click();
    await by('import-done').waitFor();
    await shot(page, 'wide-import-done');
  });

  await t.test('has the imported bots on the dashboard, only observing', async () => {
    await by('import-open').click();
    await settled(page);
    await by('dashboard-bot').nth(4).waitFor();
    const names = await by('dashboard-bot').evaluateAll((rows) => rows.map((row) => row.dataset.key));
    assert.deepEqual(names, manifest().accounts.chan.tables.bot_info.names_in_row_order);
    await by('mode-badge').first().getByText(ko.mode.observe).waitFor();
  });

  await t.test('changes the seed of a bot for good, and names a value that is not possible', async () => {
    await v.go('/bots');
    await by('bot-row').first().click();
    const seed = by('bot-seed');
    await seed.fill('-5');
    await by('bot-save').click();
    await page.locator('[role="alert"]').first().waitFor();
    assert.equal(await seed.getAttribute('aria-invalid'), 'true');
    const complaint = await page.locator(`#${CSS(await seed.getAttribute('id'))}-error`).innerText();
    assert.ok(complaint.length > 3, complaint);
    await seed.fill('654.32');
    await by('bot-save').click();
    await by('bot-saved').waitFor();
    await page.reload();
    await seed.waitFor();
    assert.equal(await seed.inputValue(), '654.32');
  });

  await t.test('does not let a live account climb, and says why', async () => {
    await v.go('/account');
    await shot(page, 'wide-account-observing');
    const missing = await by('going-live-missing').innerText();
    for (const code of ['clean_night_missing']) {
      assert.ok(missing.includes(ko.errors[code]), missing);
    }
    for (const rung of ['observe', 'paper', 'one_share', 'full']) {
      await by('going-live').getByRole('listitem').getByText(ko.rung[rung], { exact: true }).waitFor();
    }
    assert.equal(await by('account-start').count(), 0, 'a live account has no plain start');
    v.expect(422, /\/going-live$/);
    await by('going-live-up').click();
    const confirm = by('going-live-dialog-confirm');
    await by('paper-note').waitFor();
    await confirm.click();
    await by('error-note').waitFor();
    await page.keyboard.press('Escape');
    await v.go('/');
    await by('mode-badge').first().getByText(ko.mode.observe).waitFor();
  });

  await t.test('has a page for addresses that lead nowhere', async () => {
    await v.go('/nowhere/at-all');
    await page.getByText(ko.states.notFound).waitFor();
    await page.getByRole('main').getByRole('link', { name: ko.nav.home }).click();
    await by('dashboard-bot').first().waitFor();
  });

  await t.test('met no error on any of these pages', () => v.assertClean('on the way'));
});

/** An id as part of a selector. */
const CSS = (id) => id.replace(/[^\w-]/g, (character) => `\\${character}`);
