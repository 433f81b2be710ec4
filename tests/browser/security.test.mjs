// The second factor from its first code to a sign-in with a recovery code, and a password that an administrator
// has forgotten. In Korean on a desktop, in English on a phone.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, folder, kept, settled, shot, start, texts, visitor } from './support.mjs';

const PASSWORD = 'a-long-enough-password-1';
const OTHER = 'an-even-longer-password-2';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** RFC 6238 with SHA-1, six digits, 30 s. `ahead` steps from now: a code counts once. */
function totp(seed, ahead = 0) {
  const bits = [...seed].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac('sha1', key).update(counter).digest();
  const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

test('the sign-in of an administrator', async (t) => {
  const data = folder(t);
  const server = await start(t, ['serve', '--data-dir', data, '--listen', '127.0.0.1:0']);
  const chrome = await browser(t);
  let seed = '';
  let recovery = '';

  await t.test('the second factor is turned on with the app (ko, wide)', async () => {
    const v = await visitor(chrome, server.url);
    const { by, page } = v;
    v.expect(403, /\/users\/second-factor$/);
    await page.goto(server.url);
    await by('register-setup-code').fill(readFileSync(join(data, 'setup-code'), 'utf8').trim());
    await by('register-username').fill('owner');
    await by('register-password').fill(PASSWORD);
    await by('register-password-repeat').fill(PASSWORD);
    await by('register-submit').click();
    await by('paper-home').waitFor();
    await v.go('/profile');
    await settled(page);
    await by('second-factor-on').click();
    await by('proof-text').fill(PASSWORD);
    await shot(page, 'wide-ko-proof');
    await by('proof-confirm').click();
    seed = (await by('second-factor-seed').innerText()).trim();
    await shot(page, 'wide-ko-second-factor');
    await by('second-factor-code').fill(totp(seed, -1));
    await by('second-factor-confirm').click();
    recovery = (await by('recovery-codes').locator('li').first().innerText()).trim();
    await shot(page, 'wide-ko-recovery-codes');
    await by('recovery-codes-kept').click();
    await by('recovery-codes-left').waitFor();
    await by('api-key-new').click();
    await by('api-key-name').fill('Excel');
    await by('api-key-scope').selectOption('paper');
    await by('api-key-networks').fill('192.168.0.0/16 2001:db8::/32');
    await shot(page, 'wide-ko-api-key');
    await by('api-key-submit').click();
    const apiKey = await by('api-key-text').inputValue();
    assert.match(apiKey, /^egg_[0-9a-f]{32}_[0-9a-f]{64}$/);
    await shot(page, 'wide-ko-api-key-shown');
    await by('api-key-kept').click();
    await by('api-key-row').waitFor();
    const content = await kept(page);
    for (const secret of [PASSWORD, seed, seed.replaceAll(' ', ''), recovery, apiKey, apiKey.slice(-64), 'eyJ']) {
      assert.ok(!content.includes(secret), `${secret} is kept in the browser`);
    }
    await v.go('/help/api');
    await by('example-python').locator('summary').click();
    await settled(page);
    await shot(page, 'wide-ko-help-api');
    v.assertClean('with a second factor');
    await v.context.close();
  });

  await t.test('signing in asks for the code (en, phone)', async () => {
    const v = await visitor(chrome, server.url, { ...PHONE, locale: 'en-US' });
    const { by, page } = v;
    v.expect(401, /\/auth\/login$/);
    await v.go('/login');
    if ((await page.evaluate(() => document.documentElement.lang)) !== 'en') await by('language-switch').click();
    await by('login-username').fill('owner');
    await by('login-password').fill(PASSWORD);
    await by('login-submit').click();
    await by('login-code').fill('000000');
    await by('login-submit').click();
    await page.getByText(texts('en').errors.wrong_code).waitFor();
    await shot(page, 'phone-en-login-code');
    await by('login-code').fill(totp(seed));
    await by('login-submit').click();
    await by('live-state').waitFor();
    await v.go('/profile');
    await settled(page);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'nothing is cut off');
    await shot(page, 'phone-en-profile');
    v.assertClean('with a code');
    await v.context.close();
  });

  await t.test('a recovery code signs in, and the factor is turned off', async () => {
    const v = await visitor(chrome, server.url);
    const { by, page } = v;
    v.expect(401, /\/auth\/login$/);
    v.expect(403, /\/users\/second-factor$/);
    await v.go('/login');
    await by('login-username').fill('owner');
    await by('login-password').fill(PASSWORD);
    await by('login-submit').click();
    await by('login-code').fill(recovery);
    await by('login-submit').click();
    await by('live-state').waitFor();
    await v.go('/profile');
    await settled(page);
    await by('second-factor-off').click();
    await by('second-factor-leave-confirm').click();
    await by('proof-text').fill(PASSWORD);
    await by('proof-confirm').click();
    await by('second-factor-on').waitFor();
    v.assertClean('with a recovery code');
    await v.context.close();
  });

  await t.test('a forgotten password is set with the code from the folder', async () => {
    const v = await visitor(chrome, server.url);
    const { by, page } = v;
    v.expect(403, /\/users\/password\/confirm$/);
    await v.go('/login');
    await by('forgotten').click();
    await by('recovery-request').click();
    await by('recovery-username').fill('owner');
    await by('recovery-code').fill(readFileSync(join(data, 'recovery-code'), 'utf8').split('\n')[0]);
    await by('new-password').fill(OTHER);
    await by('new-password-repeat').fill(OTHER);
    await shot(page, 'wide-ko-recovery');
    await by('new-password-submit').click();
    await by('password-set').getByRole('link').click();
    await by('login-username').fill('owner');
    await by('login-password').fill(OTHER);
    await by('login-submit').click();
    await by('live-state').waitFor();
    await v.go('/profile');
    await by('confirm-password').click();
    await by('proof-text').fill(OTHER);
    await by('proof-confirm').click();
    await by('confirm-password').waitFor({ state: 'detached' });
    v.assertClean('after a recovery');
    await v.context.close();
  });
});
