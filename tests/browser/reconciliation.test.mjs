// Books and broker differ in the demo: the dashboard says so, the bots of the symbol wait, the owner answers from a
// phone, and the bots go on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, settled, shot, signIn, start, texts, visitor } from './support.mjs';

const PASSWORD = 'eggmoney-demo-2026';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
/** Longest wait for the broker's lists, positions and cash of both markets. */
const ANSWER = 30_000;
const PLACES = [
  { language: 'ko', where: 'wide', options: {}, username: 'choe' },
  { language: 'en', where: 'phone', options: PHONE, username: 'chan' },
];

/** The API, as a person's own program would use it. */
async function api(url, username) {
  const call = async (method, path, body, token) => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(`${url}/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  const { access_token: token } = await call('POST', 'auth/login', { username, password: PASSWORD });
  return { get: (path) => call('GET', path, undefined, token), post: (path, body) => call('POST', path, body, token) };
}

test('a difference between books and broker', async (t) => {
  // Slow enough that no session begins meanwhile, fast enough that the simulated broker's quotas do not matter.
  const server = await start(t, ['demo', '--listen', '127.0.0.1:0', '--speed', '10']);
  const chrome = await browser(t);

  for (const { language, where, options, username } of PLACES) {
    await t.test(`is asked about and answered (${language}, ${where})`, async () => {
      const words = texts(language);
      const person = await api(server.url, username);
      const accounts = (await person.get('trading/accounts')).items;
      const account = accounts.find((item) => item.environment === 'mock').id;
      const open = () => person.get(`trading/accounts/${account}/differences`);
      assert.deepEqual((await person.post(`trading/accounts/${account}/reconcile`, {})).items, [], 'the demo begins in agreement');
      // Three shares too many in the books: the broker has no such shares.
      const name = `RECON_${language}`;
      const { items } = await person.get(`trading/bots?account_id=${account}`);
      const symbol = items.find((bot) => bot.active).symbol;
      await person.post('trading/bots', { account_id: account, name, symbol, seed: 100, t_div: 20, profit_rate: 0.1, max_tier: 10 });
      const wrong = { account_id: account, name, symbol, quantity: 3, average_price: 50, note: 'counted wrongly' };
      await person.post('trading/corrections/holding', wrong);

      const v = await visitor(chrome, server.url, options);
      const { page, by } = v;
      await signIn(v, username, PASSWORD);
      if ((await page.evaluate(() => document.documentElement.lang)) !== language) await by('language-switch').click();
      await page.waitForFunction((is) => document.documentElement.lang === is, language);
      const picture = (what) => shot(page, `${where}-${language}-reconciliation-${what}`);
      const fits = async (what) => {
        await settled(page);
        if (options === PHONE) assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, what);
        const text = await page.locator('main').innerText();
        if (language === 'en') assert.doesNotMatch(text, /[가-힣]/, `${what}: ${text.match(/.*[가-힣].*/)}`);
        else assert.doesNotMatch(text, /(?:\b[a-z]{2,} ){3,}/, what);
        await picture(what);
      };

      await v.go('/reconciliation');
      await by('compare-now').click();
      await by('difference').waitFor({ timeout: ANSWER });
      const [question] = (await open()).items;
      assert.equal(Number(question.ours) - Number(question.brokers), 3);
      const ours = await by('side-ours').innerText();
      const brokers = await by('side-brokers').innerText();
      assert.ok(ours !== brokers && /\d/.test(ours) && /\d/.test(brokers), `${ours} ${brokers}`);
      assert.match(await by('holds').innerText(), new RegExp(name));
      await fits('question');

      // The dashboard leads to it; the bots of the symbol wait, and only they.
      await v.go('/');
      await by('open-questions').getByRole('link').waitFor();
      await fits('dashboard');
      await v.go('/bots');
      await by('bot-held').first().waitFor();
      const bots = (await person.get(`trading/bots?account_id=${account}`)).items;
      const waiting = bots.filter((bot) => bot.active && bot.symbol === symbol);
      assert.equal(await by('bot-held').count(), waiting.length);
      assert.ok(waiting.length < bots.length, 'bots on other symbols go on');
      await fits('bots');
      await v.go(`/bots/${waiting[0].id}`);
      await by('bot-held-note').getByText(words.difference.heldText.replace('{{symbol}}', symbol)).waitFor();
      await fits('bot');
      await v.go('/alerts');
      await by('alert-answer').first().click();

      // The answer: the bot's shares were sold at 50.
      await by('answer-bot').click();
      await by('answer-which-bot').selectOption({ label: name });
      await by('answer-price').fill('50');
      await picture('answer');
      await by('answer-dialog-confirm').click();
      await by('difference').waitFor({ state: 'detached' });
      assert.deepEqual((await open()).items, []);
      await by('compare-now').click();
      await page.getByText(words.difference.none, { exact: true }).waitFor({ timeout: ANSWER });
      await fits('agreed');
      await v.go('/bots');
      await settled(page);
      assert.equal(await by('bot-held').count(), 0, 'the bots go on');
      v.assertClean(language);
      await v.context.close();
    });
  }
});
