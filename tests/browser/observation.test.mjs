// How the server itself fares: the system page, the log, the monitoring token and the addresses that notice when
// the server is gone. In Korean on a desktop, in English on a phone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, folder, settled, shot, signIn, start, visitor } from './support.mjs';

const PASSWORD = 'a-long-enough-password-1';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

const narrow = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

test('observing the server', async (t) => {
  const data = folder(t);
  const server = await start(t, ['serve', '--data-dir', data, '--listen', '127.0.0.1:0']);
  const other = await start(t, ['serve', '--data-dir', folder(t), '--listen', '127.0.0.1:0']);
  const chrome = await browser(t);
  let token = '';

  await t.test('an administrator turns monitoring on and names the other server (ko, wide)', async () => {
    const v = await visitor(chrome, server.url);
    const { by, page } = v;
    v.expect(403, /\/admin\/(metrics-token|outposts\/peer)$/);
    await page.goto(server.url);
    await by('register-setup-code').fill(readFileSync(join(data, 'setup-code'), 'utf8').trim());
    await by('register-username').fill('owner');
    await by('register-password').fill(PASSWORD);
    await by('register-password-repeat').fill(PASSWORD);
    await by('register-submit').click();
    await by('paper-home').waitFor();
    await v.go('/admin');
    await settled(page);
    await by('to-system').click();
    await by('system-state').waitFor();
    await settled(page);
    await by('metrics-make').click();
    await by('proof-text').fill(PASSWORD);
    await by('proof-confirm').click();
    token = await by('metrics-token').inputValue();
    assert.match(token, /^eggm_/);
    await by('outpost-peer-address').fill(other.url);
    await by('outpost-peer-minutes').fill('10');
    await by('outpost-peer-save').click();
    await by('outpost-peer-state').waitFor();
    await shot(page, 'wide-ko-system');
    const dashboard = await page.request.get(`${server.url}/grafana-dashboard.json`);
    assert.equal((await dashboard.json()).title, 'EggMoney');
    v.assertClean('the system page');
    await v.context.close();
  });

  await t.test('figures are read with the token, and not without', async () => {
    const figures = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(figures.status, 200);
    assert.match(await figures.text(), /eggmoney_ready 1/);
    assert.equal((await fetch(`${server.url}/metrics`)).status, 401);
  });

  await t.test('the log is searched on a phone, and nothing is cut off (en, phone)', async () => {
    const v = await visitor(chrome, server.url, { ...PHONE, locale: 'en-US' });
    const { by, page } = v;
    await signIn(v, 'owner', PASSWORD);
    if ((await page.evaluate(() => document.documentElement.lang)) !== 'en') await by('language-switch').click();
    await v.go('/admin/logs');
    await settled(page);
    await by('log-text').fill('/api/v1/auth/login');
    await by('log-search').click();
    await by('log-line').first().waitFor();
    assert.match(await by('log-line').first().innerText(), /api\/v1\/auth\/login/);
    assert.doesNotMatch(await by('log-lines').innerText(), new RegExp(PASSWORD));
    assert.equal(await narrow(page), true, 'the log fits');
    await shot(page, 'phone-en-logs');
    await v.go('/admin/system');
    await settled(page);
    assert.equal(await narrow(page), true, 'the system page fits');
    await shot(page, 'phone-en-system');
    v.assertClean('the phone');
    await v.context.close();
  });
});
