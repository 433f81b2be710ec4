// What the journeys share: servers of their own on free ports, one real browser, and a watch that
// lets no error of any page pass unseen.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { chromium } = createRequire(join(root, 'ui/package.json'))('playwright-core');

const BINARY = process.env.EGGMONEY_BIN ?? join(root, 'target/debug/eggmoney');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Folder for pictures of all pages; none are made when it is not set. */
const SHOTS = process.env.EGGMONEY_SHOTS;
const START_MS = 60_000;
/** Longest wait for anything that the page or the server does at once. */
export const SOON = 10_000;

export const fixture = (name) => join(root, 'data-fixtures/eggmoney', name);
export const manifest = () => JSON.parse(readFileSync(fixture('manifest.json'), 'utf8'));
export const texts = (language) => JSON.parse(readFileSync(join(root, `ui/src/locales/${language}.json`), 'utf8'));

/** A folder that is gone after the tests. */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'eggmoney-browser-'));
  t.after(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** Starts the program, waits for its first line and ends it after the tests. */
export async function start(t, args, env = {}) {
  assert.ok(existsSync(BINARY), `${BINARY} is missing: build it, or name it in EGGMONEY_BIN`);
  const child = spawn(BINARY, args, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text) => (errors = (errors + text).slice(-4000)));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  const lines = createInterface({ input: child.stdout });
  const first = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${args[0]} says nothing:\n${errors}`)), START_MS);
    lines.once('line', (line) => {
      clearTimeout(late);
      resolve(line);
    });
    ended.then((code) => reject(new Error(`${args[0]} ended with ${code}:\n${errors}`)));
  });
  return { line: first, url: first.match(/https?:\/\/\S+/)?.[0].replace(/\/$/, '') };
}

/** One browser for a file of tests. */
export async function browser(t, more = []) {
  const chrome = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  });
  t.after(() => chrome.close());
  return chrome;
}

/**
 * A page in a profile of its own. `problems` collects everything that goes wrong on it; answers that
 * a journey provokes are announced with `expect`.
 */
export async function visitor(chrome, url, options = {}) {
  const context = await chrome.newContext({ viewport: { width: 1280, height: 900 }, locale: 'ko-KR', ...options });
  context.setDefaultTimeout(SOON);
  const page = await context.newPage();
  const problems = [];
  // Nobody is signed in on a first visit: the page asks, and is told so.
  const expected = [{ status: 401, path: /\/auth\/refresh$/ }];
  const known = (status, address) => expected.some((e) => e.status === status && e.path.test(new URL(address).pathname));
  const provoked = new Set();
  page.on('pageerror', (error) => problems.push(`error on the page: ${error.stack ?? error}`));
  page.on('response', (response) => {
    if (response.status() < 400) return;
    if (known(response.status(), response.url())) provoked.add(response.url());
    else problems.push(`${response.status()} ${response.request().method()} ${response.url()}`);
  });
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    // The page itself gives up questions that nobody waits for any more.
    if (reason !== 'net::ERR_ABORTED') problems.push(`${reason} ${request.method()} ${request.url()}`);
  });
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    if (message.text().startsWith('Failed to load resource') && provoked.has(message.location().url)) return;
    problems.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
  });
  return {
    page,
    context,
    problems,
    url,
    expect: (status, path) => expected.push({ status, path }),
    go: (path) => page.goto(`${url}/#${path}`),
    by: (id) => page.getByTestId(id),
    assertClean: (where) => assert.deepEqual(problems, [], where),
  };
}

export async function signIn(v, username, password) {
  await v.go('/login');
  await v.by('login-username').fill(username);
  await v.by('login-password').fill(password);
  await v.by('login-submit').click();
  await v.page.getByTestId('live-state').waitFor();
}

/** Waits until the page of the address stands: its heading is there, and nothing is being loaded. */
export async function settled(page) {
  await page.waitForFunction(() => document.querySelector('main')?.dataset.page === location.hash.replace(/^#|\?.*$/g, ''));
  await page.locator('h1').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('[aria-busy="true"], .animate-pulse'));
}

export async function shot(page, name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

/** Everything that the page keeps in the browser, as one text. */
export const kept = (page) =>
  page.evaluate(async () => {
    const stores = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie];
    for (const { name } of await indexedDB.databases()) {
      const db = await new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      for (const store of db.objectStoreNames) {
        const rows = await new Promise((resolve, reject) => {
          const request = db.transaction(store).objectStore(store).getAll();
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
        stores.push(JSON.stringify(rows));
      }
    }
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) stores.push(request.url, await (await cache.match(request)).text());
    }
    return stores.join('\n');
  });
