// A trading night of the demo as people see it: live fills, two users apart, every page in both
// languages, on a phone and on a dark screen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, settled, shot, signIn, start, texts, visitor } from './support.mjs';

const ko = texts('ko');
/** Longest wait for something of the market: a trading night passes in about a minute. */
const NIGHT = 90_000;
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const PAGES = [
  '/',
  '/bots',
  '/bots/new',
  '/preview',
  '/ticket',
  '/orders',
  '/orders?tab=orders',
  '/history',
  '/history?tab=profit',
  '/positions',
  '/shared',
  '/schedule',
  '/account',
  '/accounts/new',
  '/import',
  '/alerts',
  '/profile',
  '/connection',
  '/help',
  '/help/first-steps',
  '/help/remote',
  '/help/troubleshooting',
  '/more',
];
/** A text that was not found is shown by its key. */
const KEYS = new RegExp(`\\b(?:${Object.keys(ko).join('|')})\\.[a-z]+[A-Za-z_]*\\b`);
const name = (path) => path.replaceAll(/[^a-z]+/g, '-').replace(/^-|-$/g, '') || 'home';

/** What must hold for the words of any page. */
function assertReadable(text, where, language) {
  assert.ok(text.trim().length > 20, `${where} is nearly empty: ${text}`);
  for (const word of [/\bNaN\b/, /\bundefined\b/, /Invalid Date/, /\[object /, /\{\{/, KEYS]) {
    assert.doesNotMatch(text, word, where);
  }
  // The profile offers each language in its own words.
  if (language === 'en') assert.doesNotMatch(text.replaceAll('한국어', ''), /[가-힣]/, `${where} is not translated`);
  else assert.doesNotMatch(text, /(?:\b[a-z]{2,} ){3,}/, `${where} is not translated`);
}

test('the demo', async (t) => {
  const server = await start(t, ['demo', '--listen', '127.0.0.1:0', '--speed', '600']);
  const chrome = await browser(t);
  const password = 'eggmoney-demo-2026';
  const chan = await visitor(chrome, server.url);
  const { page, by } = chan;

  await t.test('is signed in to with the keyboard alone', async () => {
    await chan.go('/login');
    await by('login-username').waitFor();
    for (let n = 0; n < 10; n += 1) {
      await page.keyboard.press('Tab');
      if ((await page.evaluate(() => document.activeElement?.getAttribute('data-testid'))) === 'login-username') break;
    }
    await page.keyboard.type('chan');
    await page.keyboard.press('Tab');
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    await page.locator('[data-testid="live-state"][data-state="open"]').waitFor();
    await by('simulation-banner').getByText(ko.simulation.banner).waitFor();
    await by('dashboard-bot').first().waitFor();
  });

  await t.test('shows fills as they come, without loading the page again', async () => {
    await page.evaluate(() => (window.sameDocument = true));
    await chan.go('/history');
    await settled(page);
    const newest = () => page.getByTestId('history-row').first().getAttribute('data-key');
    const before = await newest();
    await chan.go('/orders');
    const bell = page.locator('header a[href="#/alerts"]');
    const unread = Number((await bell.innerText()).replace('+', '') || 0);
    await by('fill-toast').first().waitFor({ timeout: NIGHT });
    await by('sheet').first().locator('[data-state="filled"]').first().waitFor({ timeout: NIGHT });
    const done = await by('sheet').first().getByRole('progressbar').getAttribute('aria-valuenow');
    assert.ok(Number(done) > 0, `the progress of the sliced order is ${done}`);
    await chan.go('/history');
    await page.waitForFunction(
      (old) => document.querySelector('[data-testid="history-row"]')?.getAttribute('data-key') !== old,
      before,
      { timeout: NIGHT },
    );
    await page.waitForFunction(
      (old) => Number((document.querySelector('header a[href="#/alerts"]')?.textContent ?? '').replace('+', '')) > old,
      unread,
      { timeout: NIGHT },
    );
    assert.equal(await page.evaluate(() => window.sameDocument), true, 'it is still the same document');
  });

  await t.test('keeps users apart', async () => {
    const choe = await visitor(chrome, server.url);
    await signIn(choe, 'choe', password);
    await choe.by('dashboard-bot').first().waitFor();
    const account = (v) => v.page.getByRole('banner').innerText();
    assert.match(await account(choe), /choe/);
    assert.doesNotMatch(await account(choe), /chan/);
    const bots = (v) => v.by('dashboard-bot').evaluateAll((rows) => rows.map((row) => row.getAttribute('href')));
    await chan.go('/');
    await by('dashboard-bot').first().waitFor();
    const [mine, theirs] = [await bots(chan), await bots(choe)];
    assert.ok(mine.length > 0 && theirs.length > 0 && !mine.some((href) => theirs.includes(href)));
    choe.expect(404, /\/trading\/bots\//);
    await choe.go(mine[0].replace('#', ''));
    await choe.by('error-note').first().waitFor();
    for (const path of ['/history', '/positions', '/orders', '/alerts']) {
      await choe.go(path);
      await settled(choe.page);
      assert.doesNotMatch(await choe.page.locator('body').innerText(), /chan/, `choe sees chan on ${path}`);
    }
    choe.assertClean('as choe');
    await choe.context.close();
  });

  await t.test('changes the language for good', async () => {
    await chan.go('/bots');
    await settled(page);
    assert.equal(await page.locator('h1').innerText(), ko.nav.bots);
    await by('language-switch').click();
    await page.getByRole('heading', { level: 1, name: texts('en').nav.bots, exact: true }).waitFor();
    await page.reload();
    await page.getByRole('heading', { level: 1, name: texts('en').nav.bots, exact: true }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
    await by('language-switch').click();
    await page.getByRole('heading', { level: 1, name: ko.nav.bots, exact: true }).waitFor();
    await page.reload();
    await page.getByRole('heading', { level: 1, name: ko.nav.bots, exact: true }).waitFor();
  });

  /** All pages of the shell, with those of one bot and one order. */
  async function everyPage(v, visit) {
    await v.go('/bots');
    const bot = await v.by('bot-row').first().getAttribute('href');
    await v.go('/orders?tab=orders');
    await settled(v.page);
    const order = await v.page.locator('main a[href^="#/orders/"]').first().getAttribute('href');
    for (const path of [...PAGES, bot.replace('#', ''), order.replace('#', '')]) {
      await v.go(path);
      await settled(v.page);
      await visit(path.startsWith('/bots/') && path !== '/bots/new' ? '/bot' : path.startsWith('/orders/') ? '/order' : path);
    }
  }

  for (const language of ['ko', 'en']) {
    await t.test(`reads well on every page (${language})`, async () => {
      if (language === 'en') {
        await by('language-switch').click();
        await page.waitForFunction(() => document.documentElement.lang === 'en');
      }
      await everyPage(chan, async (path) => {
        await shot(page, `wide-${language}-${name(path)}`);
        assertReadable(await page.locator('main').innerText(), `${path} (${language})`, language);
      });
      chan.assertClean(language);
    });
  }

  await t.test('hides amounts for a screen that others see, for good', async () => {
    await chan.go('/');
    await settled(page);
    const total = by('dashboard-total');
    assert.match(await total.innerText(), /^\$[\d,]+\.\d\d$/);
    await by('amounts-switch').click();
    assert.equal(await total.innerText(), '•••');
    assert.doesNotMatch(await page.locator('main').innerText(), /[\d,]+원/, 'no amount in won is left');
    await page.reload();
    await settled(page);
    assert.equal(await total.innerText(), '•••');
    await by('amounts-switch').click();
    assert.match(await total.innerText(), /^\$/);
  });

  await t.test('tells of fills in one line on a phone, over no button of the page', async () => {
    const phone = await visitor(chrome, server.url, PHONE);
    await signIn(phone, 'chan', password);
    await phone.go('/bots/new');
    await settled(phone.page);
    await phone.page.locator('[role="status"] > div:visible').first().waitFor({ timeout: NIGHT });
    const seen = await phone.page.evaluate(() => {
      const box = (element) => element.getBoundingClientRect();
      const notes = [...document.querySelectorAll('[role="status"] > div')].map(box).filter((one) => one.height > 0);
      const under = [...document.querySelectorAll('main button, main a, nav a')].map(box).filter((one) => one.height > 0);
      const meets = (a, b) => a.bottom > b.top && b.bottom > a.top && a.right > b.left && b.right > a.left;
      return {
        count: notes.length,
        height: notes[0]?.height ?? 0,
        covered: notes.some((note) => under.some((one) => meets(note, one))),
        taps: getComputedStyle(document.querySelector('[role="status"] > div')).pointerEvents,
      };
    });
    assert.equal(seen.count, 1);
    assert.ok(seen.height < 70, `${seen.height} px high`);
    assert.equal(seen.covered, false);
    assert.equal(seen.taps, 'none', 'a tap goes through it');
    phone.assertClean('on the phone');
    await phone.context.close();
  });

  for (const scheme of ['light', 'dark']) {
    await t.test(`fits a phone, ${scheme}`, async () => {
      const phone = await visitor(chrome, server.url, { ...PHONE, colorScheme: scheme });
      await signIn(phone, 'chan', password);
      // A new device follows the profile, which says the language that was chosen last.
      const [old, language] = scheme === 'light' ? ['en', 'ko'] : ['ko', 'en'];
      const speaks = (wanted) => phone.page.waitForFunction((is) => document.documentElement.lang === is, wanted);
      await speaks(old);
      await phone.by('language-switch').click();
      await speaks(language);
      await everyPage(phone, async (path) => {
        await shot(phone.page, `phone-${scheme}-${name(path)}`);
        const { width, small, low, ground } = await phone.page.evaluate(() => {
          const boxes = [...document.querySelectorAll('main button, main select, main input:not([type="checkbox"])')]
            .map((element) => ({ element, box: element.getBoundingClientRect() }))
            .filter(({ box }) => box.width > 1 && box.height > 1);
          return {
            width: document.documentElement.scrollWidth,
            small: boxes.filter(({ box }) => box.height < 20).map(({ element }) => element.outerHTML.slice(0, 120)),
            low: [...document.querySelectorAll('nav a')]
              .map((link) => link.getBoundingClientRect())
              .filter((box) => box.height > 0 && (box.height < 44 || box.width < 44)).length,
            ground: getComputedStyle(document.body).backgroundColor,
          };
        });
        assert.ok(width <= 360, `${path} is ${width} px wide`);
        assert.deepEqual(small, [], `${path}: too small to be touched`);
        assert.equal(low, 0, `${path}: tabs too small to be touched`);
        const light = ground.match(/[\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
        assert.equal(isDark(ground, light), scheme === 'dark', `${path} has the ground ${ground}`);
      });
      for (const [label, path] of [
        ['bots', '/bots'],
        ['orders', '/orders'],
        ['history', '/history'],
        ['more', '/more'],
        ['home', '/'],
      ]) {
        const words = texts(language);
        const tabs = phone.page.getByRole('navigation').filter({ visible: true });
        await tabs.getByRole('link', { name: words.nav[label], exact: true }).tap();
        await phone.page.waitForFunction((at) => location.hash.replace(/^#/, '') === at, path);
        await settled(phone.page);
      }
      phone.assertClean(scheme);
      await phone.context.close();
    });
  }

  await t.test('shows the administrator states, never holdings', async () => {
    const admin = await visitor(chrome, server.url);
    await signIn(admin, 'admin', password);
    await admin.go('/admin');
    await settled(admin.page);
    await shot(admin.page, 'wide-admin');
    const text = await admin.page.locator('main').innerText();
    assert.match(text, /chan/);
    assert.doesNotMatch(text, /TQQQ|SOXL|\$\d/);
    admin.assertClean('as admin');
  });

  await t.test('met no error on any page', () => chan.assertClean('on the way'));
});

/** Colours come as rgb (0 to 255) or as oklch (lightness first, 0 to 1). */
function isDark(colour, sum) {
  return colour.startsWith('rgb') ? sum < 3 * 128 : Number(colour.match(/[\d.]+/)[0]) < 0.5;
}
