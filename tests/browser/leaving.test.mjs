// What is left behind in a browser, the emergency sheet on paper, an export that another server takes, and the
// end of a user. In Korean on a desktop, in English on a phone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, folder, kept, settled, shot, start, texts, visitor } from './support.mjs';

const PASSWORD = 'canary-password-of-a-browser-1';
const APP_KEY = 'PSCANARYbrowserCANARYbrowser01234567';
const APP_SECRET = 'canary-browser-secret-0123456789+/canary-browser-secret';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

async function first(t, chrome, language, options) {
  const data = folder(t);
  const brokers = JSON.parse((await start(t, ['simulate'])).line).kis;
  const server = await start(t, ['serve', '--data-dir', data, '--listen', '127.0.0.1:0'], {
    EGGMONEY_KIS_LIVE: brokers.live,
    EGGMONEY_KIS_MOCK: brokers.paper,
  });
  const v = await visitor(chrome, server.url, options);
  await v.page.goto(server.url);
  await v.by('register-setup-code').fill(readFileSync(join(data, 'setup-code'), 'utf8').trim());
  await v.by('register-username').fill('owner');
  await v.by('register-password').fill(PASSWORD);
  await v.by('register-password-repeat').fill(PASSWORD);
  await v.by('administration-text').waitFor();
  await v.by('register-submit').click();
  await v.by('live-state').waitFor();
  if ((await v.page.evaluate(() => document.documentElement.lang)) !== language) await v.by('language-switch').click();
  await v.page.waitForFunction((is) => document.documentElement.lang === is, language);
  return v;
}

async function prove(v) {
  await v.by('proof-text').fill(PASSWORD);
  await v.by('proof-confirm').click();
}

for (const [language, options] of [
  ['ko', {}],
  ['en', { ...PHONE, locale: 'en-US' }],
]) {
  test(`somebody who comes and leaves (${language})`, async (t) => {
    const words = texts(language);
    const chrome = await browser(t);
    const v = await first(t, chrome, language, options);
    const { by, page } = v;
    const picture = (name) => shot(page, `${language}-${name}`);
    let file = '';

    await t.test('reads what an administrator should know', async () => {
      await by('administration-reminder').getByRole('link').click();
      await settled(page);
      await picture('administration');
      await by('disclosure-administration-read').check();
      await by('disclosure-administration-accept').click();
      await by('administration-reminder').waitFor({ state: 'detached' });
    });

    await t.test('accepts the disclosure in the wizard, and the browser keeps no secret of it', async () => {
      await v.go('/accounts/new');
      await by('disclosure-broker_key-read').check();
      await picture('disclosure');
      await by('disclosure-broker_key-accept').click();
      await by('disclosure-broker_key').waitFor({ state: 'detached' });
      await by('account-new-name').fill('KIS');
      await by('account-new-app_key').fill(APP_KEY);
      await by('account-new-app_secret').fill(APP_SECRET);
      await by('account-new-account_no').fill('57319864-01');
      await by('account-new-test').click();
      await by('account-new-result').getByRole('list').first().waitFor();
      const content = await kept(page);
      for (const secret of [PASSWORD, APP_KEY, APP_SECRET, '57319864', 'eyJ']) {
        assert.ok(!content.includes(secret), `${secret} is kept in the browser`);
      }
    });

    await t.test('has an emergency sheet that fits on paper', async () => {
      await v.go('/emergency');
      await settled(page);
      await by('emergency-account').first().waitFor();
      await page.emulateMedia({ media: 'print' });
      assert.equal(await page.getByRole('banner').count(), 0, 'only the sheet itself is printed');
      assert.ok(await by('emergency-stop').isVisible());
      await picture('emergency-print');
      await page.emulateMedia({ media: 'screen' });
      const text = await page.locator('main').innerText();
      assert.ok(text.includes('eggmoney kill-switch on'));
      if (language === 'en') assert.doesNotMatch(text, /[가-힣]/);
      else assert.doesNotMatch(text, /(?:\b[a-z]{2,} ){3,}/);
      if (options === PHONE || language === 'en') {
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360);
      }
      await picture('emergency');
    });

    await t.test('takes everything along', async () => {
      await v.go('/profile');
      await settled(page);
      v.expect(403, /\/users\/export$/);
      const waiting = page.waitForEvent('download');
      await by('export-user').click();
      await prove(v);
      const download = await waiting;
      file = await download.path();
      assert.equal(readFileSync(file).subarray(0, 2).toString(), 'PK');
    });

    await t.test('is not erased as the last administrator', async () => {
      await by('erase-self').click();
      assert.ok(await by('erase-dialog-confirm').isDisabled(), 'the name is typed first');
      await by('erase-dialog-word').fill('owner');
      v.expect(409, /\/users\/erase$/);
      await picture('erase');
      await by('erase-dialog-confirm').click();
      await by('erase-dialog').getByText(words.errors.last_admin).waitFor();
      await page.keyboard.press('Escape');
      v.assertClean(language);
    });

    await t.test('arrives on another server', async () => {
      const other = await first(t, chrome, language, options);
      await other.go('/import');
      await settled(other.page);
      await other.by('user-import-file').setInputFiles({
        name: 'eggmoney-owner.zip',
        mimeType: 'application/zip',
        buffer: readFileSync(file),
      });
      // An empty file goes first, so that the proof is asked for before the whole one travels.
      other.expect(403, /\/imports\/user$/);
      other.expect(422, /\/imports\/user$/);
      await other.by('user-import-submit').click();
      await prove(other);
      await other.by('user-import-done').waitFor();
      await shot(other.page, `${language}-user-import`);
      other.assertClean(`${language} elsewhere`);
      await other.context.close();
    });

    await v.context.close();
  });
}
