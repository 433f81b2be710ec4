import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import api from '../openapi.json';
import { LIMITS } from '../src/features/account/LimitsCard';
import { hasLimit, hasTrigger } from '../src/features/ticket/ticket';
import en from '../src/locales/en.json';
import ko from '../src/locales/ko.json';

const server = join(__dirname, '../../src');
const read = (path: string) => (readFileSync(join(server, path), 'utf8').split('#[cfg(test)]')[0] ?? '').trim();
const folder = (path: string) =>
  readdirSync(join(server, path), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.rs') && name !== 'testing.rs' && !name.includes('tests'))
    .map((name) => read(`${path}/${name}`))
    .join('\n');
const words = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1] ?? '');
const snake = (name: string) => name.replaceAll(/(?<!^)([A-Z])/g, '_$1').toLowerCase();
const missing = (codes: string[], korean: object, english: object) =>
  [...new Set(codes)].filter((code) => !(code in korean) || !(code in english));
const values = (schema: { enum?: string[]; oneOf?: { enum: string[] }[] }) =>
  schema.enum ?? schema.oneOf?.flatMap((item) => item.enum) ?? [];

describe('refusals have a sentence in both languages', () => {
  it('of the gate', () => {
    const gate = folder('trading/orders/gate');
    const codes = words(gate, /\brefuse\(\s*"([a-z_]+)"/g);
    const limits = words(gate, /\bbeyond\(\s*"([a-z_]+)"/g).map((name) => `limit_${name}`);
    expect(codes.length).toBeGreaterThan(15);
    expect(limits.length).toBeGreaterThan(8);
    expect(missing([...codes, ...limits], ko.errors, en.errors)).toEqual([]);
  });

  it('of the ticket, the order service, our own paper and the journal', () => {
    const text = `${folder('trading')}\n${read('domain/order.rs')}`;
    const codes = [
      ...words(text, /\bfield\(\s*"[^"]*",\s*"([a-z_]+)"/g),
      ...words(text, /\brefused\(\s*"([a-z_]+)"/g),
      ...words(text, /\brefused\(\s*\w+,\s*"([a-z_]+)"/g),
      ...words(text, /\bconflict\(\s*"([a-z_]+)"/g),
      ...words(text, /\bReason::new\(\s*"([a-z_]+)"/g),
      ...words(text, /\bFault \{ code: "([a-z_]+)"/g),
      ...words(text, /\bNOT_PLACED: &str = "([a-z_]+)"/g),
    ];
    for (const known of [
      'order_of_bot',
      'idempotency_key_reused',
      'insufficient_cash',
      'amend_not_placed',
      'off_tick',
    ]) {
      expect(codes).toContain(known);
    }
    expect(missing(codes, ko.errors, en.errors)).toEqual([]);
  });

  it('of each limit that an account can have', () => {
    const names = Object.keys(api.components.schemas.AccountLimits.properties);
    expect([...LIMITS].sort()).toEqual(names.sort());
    expect(missing(names, ko.limits, en.limits)).toEqual([]);
    expect(missing(names, ko.limitsText, en.limitsText)).toEqual([]);
  });
});

describe('words for what the API names', () => {
  it.each([
    ['OrderKind', ko.orderKind, en.orderKind],
    ['OrderKind', ko.orderKindText, en.orderKindText],
    ['PowerBasis', ko.powerBasis, en.powerBasis],
    ['Environment', ko.environment, en.environment],
    ['Environment', ko.environmentText, en.environmentText],
  ] as const)('%s', (schema, korean, english) => {
    const codes = values(api.components.schemas[schema] as { enum?: string[] });
    expect(codes.length).toBeGreaterThan(2);
    expect(missing(codes, korean, english)).toEqual([]);
  });

  it('every event of an order', () => {
    const fact = read('domain/fact.rs');
    const names = words(fact.slice(0, fact.indexOf('impl Event')), /^ {4}((?:Order|Cancel|Amend)\w+) \{/gm).map(snake);
    expect(names).toEqual(
      expect.arrayContaining(['order_amended', 'amend_requested', 'amend_refused', 'cancel_requested']),
    );
    expect(names.length).toBeGreaterThan(12);
    expect(missing(names, ko.event, en.event)).toEqual([]);
  });
});

it('asks for the prices that the server wants of each kind of order', () => {
  const order = read('domain/order.rs');
  const limited = /fn has_limit[\s\S]*?matches!\(self, ([\w |]+)\)/.exec(order)?.[1]?.split(' | ').map(snake) ?? [];
  expect(limited.length).toBeGreaterThan(5);
  const kinds = values(api.components.schemas.OrderKind as { enum?: string[] }) as Parameters<typeof hasLimit>[0][];
  expect(kinds.filter(hasLimit).sort()).toEqual(limited.sort());
  expect(/fn has_trigger[\s\S]*?self == OrderKind::(\w+)/.exec(order)?.[1]).toBe('StopLimit');
  expect(kinds.filter(hasTrigger)).toEqual(['stop_limit']);
});
