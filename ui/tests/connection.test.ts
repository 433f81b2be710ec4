import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../src/api/types';
import { concernsOf, isLocal, tryLive, wayOf } from '../src/features/connection/facts';

const connection = (change: Partial<Connection> = {}): Connection => ({
  address: '192.168.0.20',
  proxied: false,
  unknown_proxy: null,
  over_tls: false,
  host: 'nas.local:8740',
  ...change,
});

describe('the way in', () => {
  it('is told by address, proxy and encryption', () => {
    expect(wayOf(connection(), false)).toBe('lan');
    expect(wayOf(connection({ address: '203.0.113.9' }), false)).toBe('openPlain');
    expect(wayOf(connection({ address: null }), false)).toBe('openPlain');
    expect(wayOf(connection({ proxied: true }), false)).toBe('proxyPlain');
    expect(wayOf(connection({ proxied: true, over_tls: true }), true)).toBe('proxyTls');
    expect(wayOf(connection({ unknown_proxy: '192.168.0.2' }), true)).toBe('proxyTls');
    expect(wayOf(connection({ over_tls: true }), true)).toBe('ownTls');
  });

  it('is a home network for its addresses only', () => {
    for (const address of [
      '10.1.2.3',
      '172.16.0.1',
      '172.31.9.9',
      '192.168.1.1',
      '127.0.0.1',
      '169.254.3.4',
      '::1',
      'fd00::7',
      'fe80::1',
    ]) {
      expect(isLocal(address), address).toBe(true);
    }
    for (const address of [
      '172.32.0.1',
      '172.15.0.1',
      '11.0.0.1',
      '192.169.0.1',
      '2001:db8::1',
      '203.0.113.9',
      'fc',
      '',
    ]) {
      expect(isLocal(address), address).toBe(false);
    }
  });

  it('has its concerns named', () => {
    expect(concernsOf(connection({ proxied: true, over_tls: true }), true)).toEqual([]);
    expect(concernsOf(connection(), false)).toEqual(['plain', 'cookie']);
    expect(concernsOf(connection({ unknown_proxy: '192.168.0.2' }), true)).toEqual([
      'cookie',
      'mismatch',
      'unknownProxy',
    ]);
    expect(concernsOf(connection({ address: null, proxied: true, over_tls: true }), true)).toEqual(['noAddress']);
  });
});

class Socket {
  static opens = true;
  onopen?: () => void;
  onclose?: () => void;
  constructor() {
    queueMicrotask(() => (Socket.opens ? this.onopen?.() : this.onclose?.()));
  }
  close() {
    this.onclose?.();
  }
}

describe('trying live updates', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('tells a proxy that stops websockets from a server that is away', async () => {
    vi.stubGlobal('WebSocket', Socket);
    Socket.opens = true;
    expect(await tryLive()).toBe('works');
    Socket.opens = false;
    vi.stubGlobal('fetch', vi.fn().mockResolvedValue({ ok: true }));
    expect(await tryLive()).toBe('blocked');
    vi.stubGlobal('fetch', vi.fn().mockResolvedValue({ ok: false }));
    expect(await tryLive()).toBe('away');
    vi.stubGlobal('fetch', vi.fn().mockRejectedValue(new TypeError('no network')));
    expect(await tryLive()).toBe('away');
  });
});
