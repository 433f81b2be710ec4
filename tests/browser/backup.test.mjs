// A backup, its recovery key, a restore into another folder, and the word that the old server is off. In Korean
// on a desktop, in English on a phone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BINARY, browser, folder, settled, shot, signIn, start, visitor } from './support.mjs';

const PASSWORD = 'canary-password-of-a-browser-2';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

async function inLanguage(v, language) {
  if ((await v.page.evaluate(() => document.documentElement.lang)) !== language) await v.by('language-switch').click();
  await v.page.waitForFunction((is) => document.documentElement.lang === is, language);
}

for (const [language, options] of [
  ['ko', {}],
  ['en', { ...PHONE, locale: 'en-US' }],
]) {
  test(`an administrator backs up and comes back elsewhere (${language})`, async (t) => {
    const chrome = await browser(t);
    const [data, other] = [folder(t), folder(t)];
    const server = await start(t, ['serve', '--data-dir', data, '--listen', '127.0.0.1:0']);
    const v = await visitor(chrome, server.url, options);
    const { by, page } = v;
    // The password is asked for.
    v.expect(403, /\/admin\/backup\//);
    await page.goto(server.url);
    await by('register-setup-code').fill(readFileSync(join(data, 'setup-code'), 'utf8').trim());
    await by('register-username').fill('owner');
    await by('register-password').fill(PASSWORD);
    await by('register-password-repeat').fill(PASSWORD);
    await by('register-submit').click();
    await by('live-state').waitFor();
    await inLanguage(v, language);

    await v.go('/admin/backup');
    await by('backup-now').click();
    await by('backup-row').first().waitFor();
    await by('recovery-key-show').click();
    await by('proof-text').fill(PASSWORD);
    await by('proof-confirm').click();
    await by('recovery-key-words').waitFor();
    const words = (await by('recovery-key-words').locator('code').allTextContents()).join(' ');
    assert.equal(words.split(' ').length, 12);
    await by('recovery-key-kept').click();
    await by('recovery-key-unseen').waitFor({ state: 'detached' });
    await by('drill-now').click();
    await by('drill-ok').waitFor();
    await by('passphrase-text').fill('the family knows it');
    await by('passphrase-set').click();
    await by('passphrase-remove').waitFor();
    await settled(page);
    await shot(page, `${language}-backup`);

    const restored = spawnSync(
      BINARY,
      ['restore', '--from', join(data, 'backups'), '--data-dir', other, '--recovery-key-stdin', '--json'],
      { input: words, encoding: 'utf8' },
    );
    assert.equal(restored.status, 0, restored.stderr);
    const second = await start(t, ['serve', '--data-dir', other, '--listen', '127.0.0.1:0']);
    const w = await visitor(chrome, second.url, options);
    w.expect(403, /\/admin\/backup\//);
    await signIn(w, 'owner', PASSWORD);
    await inLanguage(w, language);
    await w.by('kill-switch-banner').waitFor();
    await w.by('kill-switch-banner').getByRole('link').click();
    await w.by('hold').waitFor();
    await settled(w.page);
    await shot(w.page, `${language}-restored`);
    await w.by('old-server-off').check();
    await w.by('release').click();
    await w.by('proof-text').fill(PASSWORD);
    await w.by('proof-confirm').click();
    await w.by('hold').waitFor({ state: 'detached' });
    await w.by('kill-switch-banner').waitFor({ state: 'detached' });
    v.assertClean('the first server');
    w.assertClean('the second server');
  });
}
