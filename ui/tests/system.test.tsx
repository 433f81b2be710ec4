import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { AdminSystem, Expiry, LogLine } from '../src/api/types';
import { LogView } from '../src/features/admin/LogsPage';
import { MetricsCard } from '../src/features/admin/MetricsCard';
import { OutpostsCard } from '../src/features/admin/OutpostsCard';
import { SystemView } from '../src/features/admin/SystemPage';
import { serve, show } from './support';

const AT = '2026-11-21T22:00:00Z';

const system: AdminSystem = {
  version: '0.1.0',
  uptime_s: 93_784,
  started_at: AT,
  last_tick: AT,
  problem: null,
  store_bytes: 5 << 20,
  users: 3,
  accounts: 4,
  memory_bytes: 70 << 20,
  open_files: 41,
  disk_free_bytes: 20e9,
  disk_bytes: 80e9,
  sockets: 2,
  store_queue: 0,
  outbox: 1,
  transfers: 0,
  masters_day: '2026-11-20',
  clock_ahead_ms: -3400,
  hosts: [
    {
      name: 'kis_live',
      host: 'openapi.example:9443',
      answered: 1200,
      failed: 3,
      limited: 0,
      under_way: 0,
      waiting: 2,
      pace_share: 1,
      last_success: AT,
      last_failure: AT,
      failing_since: AT,
      failures: 3,
    },
  ],
  slots: {
    session: '2026-11-20',
    done: 5,
    running: 0,
    failed: 0,
    missed: 2,
    waiting: 3,
    longest_lag_s: 4,
    lost: [{ session: '2026-11-20', job: 'slice', slots: 2 }],
    next: [{ at: AT, job: 'closing_buy', accounts: 2 }],
  },
  backup: null,
  alerts: [
    { since: AT, alert: { kind: 'disk_low', free_bytes: 800_000_000 } },
    { since: AT, alert: { kind: 'host_down', host: 'kis_live', since: AT } },
    { since: AT, alert: { kind: 'expires', expiring: { what: 'certificate' }, on: '2026-11-28', days: 7 } },
  ],
};

const expiry = (change: object) => ({ account_id: null, on: null, days: null, estimated: false, ...change }) as Expiry;

describe('the system page', () => {
  it('says what is to be looked after, and what is known of everything else', async () => {
    serve(({ path }) => {
      if (path === 'admin/system') return { body: system };
      if (path === 'users/expiries')
        return {
          body: {
            items: [
              expiry({
                what: 'broker_key',
                account: 'ISA',
                account_id: 'a1',
                on: '2026-11-25',
                days: 4,
                estimated: true,
              }),
              expiry({ what: 'calendar', market: 'US', on: '2028-12-31', days: 771 }),
              expiry({ what: 'mock_term', account: 'ISA', account_id: 'a1' }),
            ],
            next: null,
          },
        };
      if (path === 'admin/outposts') return { body: { ping: null, peer: null } };
      return { body: { enabled: false, made_at: null } };
    });
    show(<SystemView />);
    const alerts = await screen.findAllByTestId('open-alert');
    expect(alerts.map((alert) => alert.textContent?.split('알린 시각')[0])).toEqual([
      '디스크 공간이 762.9 MB밖에 남지 않았습니다',
      '한국투자증권 실전에 연결되지 않습니다',
      '이 서버의 TLS 인증서: 2026-11-28까지',
    ]);
    expect(screen.getByTestId('system-state')).toHaveTextContent('3.4초 느림');
    expect(screen.getByTestId('system-state')).toHaveTextContent('1일 2시간 3분');
    const slots = within(screen.getByTestId('system-slots'));
    expect(slots.getByText(/분할 2/)).toBeVisible();
    expect(slots.getByText('계좌 2개')).toBeVisible();
    expect(screen.getByTestId('host-row')).toHaveTextContent('응답 없음');
    expect(screen.getByTestId('system-backup')).toHaveTextContent('아직 백업이 없습니다');
    const rows = await screen.findAllByTestId('expiry-row');
    expect(rows[0]).toHaveTextContent('ISA 계좌의 증권사 앱 키');
    expect(rows[0]).toHaveTextContent('1년으로 계산');
    expect(rows[0]).toHaveTextContent('4일');
    expect(rows[1]).toHaveTextContent('미국 시장의 휴장일 자료');
    expect(rows[2]).toHaveTextContent('날짜를 입력해 주세요');
  });
});

describe('the monitoring token', () => {
  it('is shown once', async () => {
    let enabled = false;
    const log = serve(({ method }) => {
      if (method === 'POST') {
        enabled = true;
        return { status: 201, body: { token: 'eggm_abc', made_at: AT } };
      }
      if (method === 'DELETE') {
        enabled = false;
        return { status: 204 };
      }
      return { body: { enabled, made_at: enabled ? AT : null } };
    });
    const user = userEvent.setup();
    show(<MetricsCard />);
    await user.click(await screen.findByTestId('metrics-make'));
    expect(await screen.findByTestId('metrics-token')).toHaveValue('eggm_abc');
    expect(screen.getByRole('link', { name: /Grafana/ })).toHaveAttribute('href', 'grafana-dashboard.json');
    await user.click(screen.getByTestId('metrics-drop'));
    await waitFor(() => expect(screen.queryByTestId('metrics-token')).toBeNull());
    expect(log.filter((sent) => sent.method !== 'GET').map((sent) => sent.method)).toEqual(['POST', 'DELETE']);
  });
});

describe('addresses that notice when the server is gone', () => {
  it('are set, and refused fields say why', async () => {
    let refuse = true;
    const log = serve(({ method, path }) => {
      if (method !== 'PUT') return { body: { ping: null, peer: null } };
      expect(path).toBe('admin/outposts/ping');
      if (refuse) {
        refuse = false;
        const errors = [{ pointer: '/address', code: 'invalid', detail: 'this address cannot be used', values: {} }];
        return { status: 422, body: { status: 422, code: 'invalid', detail: 'no', pointer: '/address', errors } };
      }
      return { body: { ping: { host: 'https://ping.example', minutes: 5, contact: {} }, peer: null } };
    });
    const user = userEvent.setup();
    show(<OutpostsCard />);
    await user.type(await screen.findByTestId('outpost-ping-address'), ' https://ping.example/x ');
    await user.click(screen.getByTestId('outpost-ping-save'));
    expect(await screen.findByText('this address cannot be used')).toBeVisible();
    await user.click(screen.getByTestId('outpost-ping-save'));
    await waitFor(() => expect(screen.queryByText('this address cannot be used')).toBeNull());
    const sent = log.filter((item) => item.method === 'PUT').map((item) => item.body);
    expect(sent).toEqual([
      { address: 'https://ping.example/x', minutes: 5 },
      { address: 'https://ping.example/x', minutes: 5 },
    ]);
  });
});

describe('the log', () => {
  const line = (message: string, level: LogLine['level'] = 'info'): LogLine => ({
    at: AT,
    level,
    target: 'eggmoney::brokers',
    message,
    fields: { code: 'EGW00123' },
  });

  it('is filtered, and goes back page by page', async () => {
    const log = serve(({ path }) => {
      if (path.includes('before=')) return { body: { items: [line('oldest')], next: null, searched_to: AT } };
      if (path.includes('level=error'))
        return { body: { items: [line('broken', 'error')], next: 'f:9', searched_to: AT } };
      return { body: { items: [line('first')], next: null, searched_to: AT } };
    });
    const user = userEvent.setup();
    show(<LogView />);
    expect(await screen.findByText('first')).toBeVisible();
    expect(screen.queryByTestId('log-older')).toBeNull();
    await user.selectOptions(screen.getByTestId('log-level'), 'error');
    await user.type(screen.getByTestId('log-text'), '주문');
    await user.click(screen.getByTestId('log-search'));
    expect(await screen.findByText('broken')).toBeVisible();
    await user.click(screen.getByTestId('log-older'));
    expect(await screen.findByText('oldest')).toBeVisible();
    expect(screen.getAllByTestId('log-line')[0]).toHaveTextContent('code=EGW00123');
    expect(screen.getAllByTestId('log-line')[0]).toHaveTextContent('오류');
    const asked = new URLSearchParams(log.at(-1)?.path.split('?')[1]);
    expect(Object.fromEntries(asked)).toEqual({ level: 'error', text: '주문', limit: '100', before: 'f:9' });
  });
});
