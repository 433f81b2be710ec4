// The pages behind nginx, set up as a Synology NAS sets up its own: under a host name over TLS, under a path, and
// without the headers of a websocket. What the page "your connection" says of each. In Korean on a desktop, in
// English on a phone.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, folder, settled, shot, signIn, start, texts, visitor } from './support.mjs';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const NGINX = ['/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/sbin/nginx'].find(existsSync);

/** Ports that nobody has: all are held until all are known. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
  const ports = await Promise.all(servers.map(listening));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** nginx before a server. `bare` does not pass websockets on. */
async function proxy(t, to) {
  assert.ok(NGINX, 'nginx is missing: apt-get install nginx-light, or run scripts/test');
  const at = folder(t);
  const name = 'egg.example';
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
    ...['-keyout', join(at, 'key.pem'), '-out', join(at, 'cert.pem')],
  ], { stdio: 'ignore' });
  const [tls, plain, bare] = await freePorts(3);
  const passedOn = `
    proxy_connect_timeout 60; proxy_read_timeout 60; proxy_send_timeout 60;
    proxy_intercept_errors off; proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;`;
  const websocket = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;';
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${at}/${of};`).join(' ');
  writeFileSync(
    join(at, 'nginx.conf'),
    `daemon off; master_process off; pid ${at}/pid; error_log ${at}/error.log;
     events {}
     http {
       access_log off; ${scratch}
       map $http_upgrade $connection_upgrade { default upgrade; '' close; }
       server {
         listen 127.0.0.1:${tls} ssl; ssl_certificate ${at}/cert.pem; ssl_certificate_key ${at}/key.pem;
         location / { ${passedOn} ${websocket} proxy_pass ${to}; }
         location /eggmoney/ { ${passedOn} ${websocket} proxy_pass ${to}/; }
       }
       server {
         listen 127.0.0.1:${plain};
         location /eggmoney/ { ${passedOn} ${websocket} proxy_pass ${to}/; }
       }
       server { listen 127.0.0.1:${bare}; location / { ${passedOn} proxy_pass ${to}; } }
     }`,
  );
  const child = spawn(NGINX, ['-p', at, '-c', join(at, 'nginx.conf'), '-e', join(at, 'error.log')], { stdio: 'ignore' });
  let ended = false;
  const end = new Promise((resolve) => child.once('exit', () => resolve((ended = true))));
  t.after(async () => {
    child.kill('SIGKILL');
    await end;
  });
  const up = () => fetch(`http://127.0.0.1:${bare}/healthz`).then((r) => r.ok, () => false);
  while (!(await up())) {
    assert.ok(!ended, `nginx has ended: ${existsSync(join(at, 'error.log')) && readFileSync(join(at, 'error.log'), 'utf8')}`);
  }
  return { tls: `https://${name}:${tls}`, path: `http://${name}:${plain}/eggmoney`, bare: `http://127.0.0.1:${bare}`, name };
}

test('behind the reverse proxy of a NAS', async (t) => {
  const server = await start(t, ['demo', '--data-dir', folder(t), '--listen', '127.0.0.1:0', '--speed', '1']);
  const at = await proxy(t, server.url);
  // For the whole browser: allowed page by page, a first connection may come too early for it.
  const chrome = await browser(t, [`--host-resolver-rules=MAP ${at.name} 127.0.0.1`, '--ignore-certificate-errors']);
  const password = 'eggmoney-demo-2026';

  /** What is in the way of a page that is no secure context, or of one without websockets, and nothing else. */
  const clean = (v, allowed, where) => {
    const left = v.problems.filter((problem) => !allowed.some((pattern) => pattern.test(problem)));
    assert.deepEqual(left, [], where);
  };
  const UNTRUSTED = /Cross-Origin-Opener-Policy header has been ignored/;
  const STOPPED = /WebSocket connection to .* failed/;

  await t.test('over TLS everything is there, and a reload finds the session by its cookie', async () => {
    const v = await visitor(chrome, at.tls, { ignoreHTTPSErrors: true });
    await signIn(v, 'chan', password);
    await v.page.locator('[data-testid="live-state"][data-state="open"]').waitFor();
    await v.go('/connection');
    await v.page.locator('[data-testid="connection-kind"][data-way="proxyTls"]').waitFor();
    await v.page.getByText(texts('ko').connection.live.works, { exact: true }).waitFor();
    assert.equal(await v.page.locator('[data-concern]').count(), 0);
    for (const name of ['secureContext', 'clipboard', 'install', 'crypto']) {
      assert.equal(await v.by(`browser-${name}`).textContent(), texts('ko').connection.browser.here, name);
    }
    await settled(v.page);
    await shot(v.page, 'connection-tls');
    const cookies = await v.context.cookies();
    assert.ok(cookies.some((c) => c.name.startsWith('__Host-') && c.secure && c.httpOnly), JSON.stringify(cookies));
    await v.page.reload();
    await v.by('connection-way').waitFor();
    clean(v, [], 'over TLS');
    await v.context.close();
  });

  await t.test('under a path without TLS it works, and says what is missing', async () => {
    const v = await visitor(chrome, at.path, PHONE);
    await signIn(v, 'choe', password);
    await v.by('language-switch').click();
    await v.page.waitForFunction(() => document.documentElement.lang === 'en');
    await v.page.locator('[data-testid="live-state"][data-state="open"]').waitFor();
    await v.by('live-state').click();
    await v.page.locator('[data-testid="connection-kind"][data-way="proxyPlain"]').waitFor();
    const words = texts('en').connection;
    await v.page.getByText(words.live.works, { exact: true }).waitFor();
    for (const concern of ['plain', 'cookie']) await v.page.locator(`[data-concern="${concern}"]`).waitFor();
    for (const name of ['secureContext', 'clipboard', 'install', 'crypto']) {
      assert.equal(await v.by(`browser-${name}`).textContent(), words.browser.withheld, name);
    }
    await settled(v.page);
    assert.ok(await v.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'it fits 360 px');
    assert.doesNotMatch(await v.by('connection-guard').textContent(), /[가-힣]/);
    await shot(v.page, 'connection-path-phone');
    await v.page.reload();
    await v.by('connection-way').waitFor();
    const paths = (await v.context.cookies()).map((cookie) => cookie.path);
    assert.ok(paths.length > 0 && paths.every((path) => path.startsWith('/eggmoney/')), `cookies of ${paths}`);
    clean(v, [UNTRUSTED], 'under a path');
    await v.context.close();
  });

  await t.test('without the headers of a websocket the pages go on, and say what to do', async () => {
    const v = await visitor(chrome, at.bare);
    v.expect(426, /\/ws\/events$/);
    await signIn(v, 'chan', password);
    await v.by('live-failing').waitFor({ timeout: 30_000 });
    await v.by('live-failing').getByRole('link').click();
    await v.by('connection-blocked').waitFor();
    await v.page.getByText(texts('ko').connection.live.blocked, { exact: true }).waitFor();
    assert.equal(await v.by('live-failing').count(), 0, 'the page itself says it');
    await settled(v.page);
    await shot(v.page, 'connection-blocked');
    clean(v, [STOPPED], 'without websockets');
    await v.context.close();
  });
});
