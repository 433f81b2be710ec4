// A sign-in at a provider from its settings to its end, and one account shared with another user. In Korean on a
// desktop, in English on a phone. The provider is a small one of our own, with RSA keys.
import assert from 'node:assert/strict';
import { createHash, createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, folder, settled, shot, signIn, start, texts, visitor } from './support.mjs';

const PASSWORD = 'a-long-enough-password-1';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const CLIENT = 'eggmoney-home';
const SECRET = 'the-secret-of-the-client';
const base64url = (value) => Buffer.from(value).toString('base64url');

/** An OpenID Connect provider with one person, who has to press a button. */
async function provider(t) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const codes = new Map();
  const json = (response, status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const server = createServer(async (request, response) => {
    const base = `http://${request.headers.host}`;
    const url = new URL(request.url, base);
    const asked = Object.fromEntries(url.searchParams);
    if (url.pathname === '/.well-known/openid-configuration') {
      json(response, 200, {
        issuer: base,
        authorization_endpoint: `${base}/authorize`,
        token_endpoint: `${base}/token`,
        jwks_uri: `${base}/keys`,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
      });
    } else if (url.pathname === '/keys') {
      json(response, 200, { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'rsa', alg: 'RS256', use: 'sig' }] });
    } else if (url.pathname === '/authorize') {
      const code = randomUUID();
      codes.set(code, asked);
      const back = (answer) => `${asked.redirect_uri}?${new URLSearchParams({ ...answer, state: asked.state })}`;
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(`<!doctype html><title>Provider</title><link rel="icon" href="data:,">
        <a id="yes" href="${back({ code }).replaceAll('&', '&amp;')}">yes</a>
        <a id="no" href="${back({ error: 'access_denied' }).replaceAll('&', '&amp;')}">no</a>`);
    } else if (url.pathname === '/token') {
      let text = '';
      for await (const chunk of request) text += chunk;
      const form = Object.fromEntries(new URLSearchParams(text));
      const begun = codes.get(form.code);
      codes.delete(form.code);
      const right =
        begun &&
        form.client_id === CLIENT &&
        form.client_secret === SECRET &&
        form.redirect_uri === begun.redirect_uri &&
        createHash('sha256').update(form.code_verifier).digest('base64url') === begun.code_challenge;
      if (!right) return json(response, 400, { error: 'invalid_grant' });
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: base, sub: '1234567', aud: CLIENT, iat: now, exp: now + 300, nonce: begun.nonce };
      const message = `${base64url(JSON.stringify({ alg: 'RS256', kid: 'rsa' }))}.${base64url(JSON.stringify(claims))}`;
      const tag = createSign('RSA-SHA256').update(message).sign(privateKey).toString('base64url');
      json(response, 200, { token_type: 'Bearer', access_token: 'unused', id_token: `${message}.${tag}` });
    } else {
      json(response, 404, {});
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${server.address().port}`;
}

const narrow = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

async function english(v) {
  if ((await v.page.evaluate(() => document.documentElement.lang)) !== 'en') await v.by('language-switch').click();
}

test('signing in through a provider, and sharing an account', async (t) => {
  const issuer = await provider(t);
  const data = folder(t);
  const server = await start(t, ['serve', '--data-dir', data, '--listen', '127.0.0.1:0']);
  const chrome = await browser(t);

  await t.test('the administrator sets the provider up and links the own sign-in (ko, wide)', async () => {
    const v = await visitor(chrome, server.url);
    const { by, page } = v;
    v.expect(403, /\/admin\/public-address$/);
    await page.goto(server.url);
    await by('register-setup-code').fill(readFileSync(join(data, 'setup-code'), 'utf8').trim());
    await by('register-username').fill('owner');
    await by('register-password').fill(PASSWORD);
    await by('register-password-repeat').fill(PASSWORD);
    await by('register-submit').click();
    await by('paper-home').waitFor();
    await v.go('/admin');
    await settled(page);
    await by('registration-open').click();
    await by('public-address').fill(server.url);
    await by('public-address-save').click();
    await by('proof-text').fill(PASSWORD);
    await by('proof-confirm').click();
    assert.equal(await by('redirect-uri').innerText(), `${server.url}/api/v1/auth/oidc/callback`);
    await by('provider-add').click();
    await by('provider-name').fill('우리집');
    await by('provider-issuer').fill(issuer);
    await by('provider-client_id').fill(CLIENT);
    await by('provider-client_secret').fill(SECRET);
    await by('provider-lan').check();
    await by('provider-test').click();
    await by('provider-test-result').waitFor();
    assert.match(await by('provider-test-result').innerText(), /1/);
    await shot(page, 'wide-ko-provider');
    await by('provider-save').click();
    await by('provider-row').waitFor();

    await v.go('/profile');
    await settled(page);
    await by('identity-link').click();
    await page.locator('#yes').click();
    await by('identity-row').waitFor();
    assert.ok(!page.url().includes('code='), 'what the provider said is no longer in the address');
    await shot(page, 'wide-ko-identities');
    v.assertClean('linking');
    await v.context.close();
  });

  await t.test('it signs in; who presses no, or is not linked, is told (en, phone)', async () => {
    const v = await visitor(chrome, server.url, { ...PHONE, locale: 'en-US' });
    const { by, page } = v;
    await v.go('/login');
    await english(v);
    await by('provider-sign-in').click();
    await page.locator('#no').click();
    await by('provider-cancelled').waitFor();
    assert.equal(await narrow(page), true, 'nothing is cut off');
    await v.go('/login');
    await by('provider-sign-in').click();
    await page.locator('#yes').click();
    await by('live-state').waitFor();
    await v.go('/profile');
    await settled(page);
    assert.equal(await narrow(page), true, 'nothing is cut off');
    await shot(page, 'phone-en-identities');
    v.expect(403, /\/users\/identities\//);
    await by('identity-unlink').click();
    await by('identity-unlink-dialog-confirm').click();
    await by('proof-text').fill(PASSWORD);
    await by('proof-confirm').click();
    await by('identity-row').waitFor({ state: 'detached' });
    await by('logout').click();
    await by('provider-sign-in').click();
    v.expect(403, /\/auth\/oidc\/finish$/);
    await page.locator('#yes').click();
    await by('provider-refused').waitFor();
    await page.getByText(texts('en').errors.identity_not_linked).waitFor();
    await shot(page, 'phone-en-not-linked');
    v.assertClean('signing in');
    await v.context.close();
  });

  await t.test('one account is shared with a friend, who sees and stops it', async () => {
    const friend = await visitor(chrome, server.url, { ...PHONE, locale: 'en-US' });
    await friend.go('/register');
    await english(friend);
    await friend.by('register-username').fill('friend');
    await friend.by('register-password').fill(PASSWORD);
    await friend.by('register-password-repeat').fill(PASSWORD);
    await friend.by('register-submit').click();
    await friend.by('live-state').waitFor();

    const owner = await visitor(chrome, server.url);
    await signIn(owner, 'owner', PASSWORD);
    owner.expect(403, /\/grants$/);
    await owner.go('/account');
    await settled(owner.page);
    for (const kind of ['view', 'emergency_stop']) {
      await owner.by('access-give').click();
      await owner.by('access-username').fill('friend');
      await owner.by('access-kind').selectOption(kind);
      await owner.by('access-save').click();
      if (kind === 'view') {
        await shot(owner.page, 'wide-ko-access');
        await owner.by('proof-text').fill(PASSWORD);
        await owner.by('proof-confirm').click();
      }
      await owner.by('access-dialog').waitFor({ state: 'detached' });
    }
    assert.equal(await owner.by('access-row').count(), 2);

    await friend.go('/shared');
    await settled(friend.page);
    assert.equal(await friend.by('shared-row').count(), 2);
    await friend.by('shared-open').first().click();
    await friend.by('shared-overview').waitFor();
    await settled(friend.page);
    assert.equal(await narrow(friend.page), true, 'nothing is cut off');
    await shot(friend.page, 'phone-en-shared');
    await friend.go('/shared');
    await friend.by('shared-open').last().click();
    await friend.by('shared-stop').click();
    await friend.by('shared-stop-dialog-confirm').click();
    await friend.by('shared-stop-dialog').waitFor({ state: 'detached' });
    await owner.page.reload();
    await settled(owner.page);
    await owner.page.getByText(texts('ko').killSwitch.on).first().waitFor();

    await owner.by('access-revoke').first().click();
    await owner.page.waitForFunction(() => document.querySelectorAll('[data-testid="access-row"]').length === 1);
    await friend.go('/shared');
    await friend.page.reload();
    await settled(friend.page);
    assert.equal(await friend.by('shared-row').count(), 1);
    friend.assertClean('as a friend');
    owner.assertClean('as the owner');
    await friend.context.close();
    await owner.context.close();
  });
});

test('a friend manages the bots of a shared account', async (t) => {
  const server = await start(t, ['demo', '--listen', '127.0.0.1:0', '--speed', '1']);
  const chrome = await browser(t);
  const password = 'eggmoney-demo-2026';
  const owner = await visitor(chrome, server.url);
  await signIn(owner, 'chan', password);
  owner.expect(403, /\/grants$/);
  await owner.go('/account');
  await settled(owner.page);
  await owner.by('access-give').click();
  await owner.by('access-username').fill('choe');
  await owner.by('access-kind').selectOption('manage_bots');
  await owner.by('access-save').click();
  await owner.by('proof-text').fill(password);
  await owner.by('proof-confirm').click();
  await owner.by('access-row').waitFor();

  const friend = await visitor(chrome, server.url, PHONE);
  await signIn(friend, 'choe', password);
  await friend.go('/shared');
  await settled(friend.page);
  await friend.by('shared-open').click();
  await friend.by('shared-bot-row').first().waitFor();
  await settled(friend.page);
  assert.equal(await narrow(friend.page), true, 'nothing is cut off');
  await shot(friend.page, 'phone-ko-shared-bots');
  await friend.by('shared-bot-edit').first().click();
  await friend.by('bot-seed').fill('4321');
  await shot(friend.page, 'phone-ko-shared-bot');
  await friend.by('bot-save').click();
  await friend.by('shared-bot-dialog').waitFor({ state: 'detached' });
  await friend.by('shared-bots').getByText('4,321').first().waitFor();

  // The owner sees who did it.
  await owner.go('/profile');
  await settled(owner.page);
  await owner.by('audit').getByText(`${texts('ko').auditAction.shared.bot_changed} · choe`).first().waitFor();
  friend.assertClean('as a friend');
  owner.assertClean('as the owner');
});
