// Takes the pictures of the guide from the running demo, in both languages: `scripts/guide-pictures`.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { browser, settled, signIn, start, visitor } from './support.mjs';

const folder = fileURLToPath(new URL('../../ui/help/pictures/', import.meta.url));
const PASSWORD = 'eggmoney-demo-2026';
const PICTURES = [
  { name: 'home', user: 'chan', path: '/' },
  { name: 'preview', user: 'chan', path: '/preview' },
  { name: 'ticket', user: 'chan', path: '/ticket' },
  { name: 'admin', user: 'admin', path: '/admin' },
];

test('pictures of the guide', async (t) => {
  mkdirSync(folder, { recursive: true });
  const server = await start(t, ['demo', '--listen', '127.0.0.1:0', '--speed', '60']);
  const chrome = await browser(t);
  for (const language of ['ko', 'en']) {
    for (const user of new Set(PICTURES.map((picture) => picture.user))) {
      const locale = language === 'ko' ? 'ko-KR' : 'en-US';
      const v = await visitor(chrome, server.url, { viewport: { width: 960, height: 640 }, locale });
      await v.go('/login');
      await v.by('login-username').waitFor();
      if ((await v.page.evaluate(() => document.documentElement.lang)) !== language) await v.by('language-switch').click();
      await signIn(v, user, PASSWORD);
      for (const picture of PICTURES.filter((each) => each.user === user)) {
        await v.go(picture.path);
        await settled(v.page);
        await v.page.screenshot({ path: join(folder, `${language}-${picture.name}.jpg`), type: 'jpeg', quality: 70 });
      }
      await v.context.close();
    }
  }
});
