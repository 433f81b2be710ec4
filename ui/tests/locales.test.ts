import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import en from '../src/locales/en.json';
import ko from '../src/locales/ko.json';

function flat(value: object, prefix = ''): Map<string, string> {
  const result = new Map<string, string>();
  for (const [key, inner] of Object.entries(value)) {
    const path = prefix ? `${prefix}.${key}` : key;
    if (typeof inner === 'string') result.set(path, inner);
    else for (const [k, v] of flat(inner, path)) result.set(k, v);
  }
  return result;
}

const korean = flat(ko);
const english = flat(en);

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return sources(path);
    return /\.tsx?$/.test(name) ? [readFileSync(path, 'utf8')] : [];
  });
}
const code = sources(join(__dirname, '../src')).join('\n');

describe('locale files', () => {
  it('have the same keys', () => expect([...english.keys()].sort()).toEqual([...korean.keys()].sort()));

  it('have no empty text', () => {
    for (const [key, text] of [...korean, ...english]) expect(text.trim(), key).not.toBe('');
  });

  it('fill in the same values', () => {
    const holes = (text = '') => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();
    for (const [key, text] of korean) expect(holes(english.get(key)), key).toEqual(holes(text));
  });

  it('know every key that the pages name', () => {
    const named = [...code.matchAll(/\bt\(\s*'([a-zA-Z_]+(?:\.[a-zA-Z0-9_]+)+)'/g)].map((match) => match[1] ?? '');
    const rules = [...code.matchAll(/'(form\.[a-zA-Z]+)(?:\|[^']*)?'/g)].map((match) => match[1] ?? '');
    expect(named.length).toBeGreaterThan(300);
    expect([...named, ...rules].filter((key) => !korean.has(key))).toEqual([]);
  });

  it('carry no key that nothing uses', () => {
    const families = [...code.matchAll(/[`']([a-zA-Z_]+(?:\.[a-zA-Z_]+)*)[._|]\$\{/g)].map((match) => match[1] ?? '');
    const unused = [...korean.keys()].filter(
      (key) =>
        !code.includes(`'${key}'`) && !code.includes(`'${key}|`) && !families.some((family) => key.startsWith(family)),
    );
    expect(unused).toEqual([]);
  });
});

describe('texts for codes of the API', () => {
  it.each([
    [
      'orderState',
      ['intent', 'sent', 'accepted', 'partially_filled', 'filled', 'rejected', 'cancelled', 'expired', 'unknown'],
    ],
    ['kind', ['SELL', 'SELL_1_4', 'SELL_3_4', 'SELL_PART', 'BUY', 'BUY_FORCE', 'HOLD']],
    ['job', ['readiness', 'decision', 'slice', 'closing', 'message', 'report']],
    ['runState', ['done', 'running', 'failed', 'missed']],
    ['origin', ['slice', 'closing', 'force_sell']],
    ['action', ['buy', 'sell', 'none', 'trail']],
    ['ladder', ['average', 'point', 'take_profit', 'trailing_stop', 'price', 'closing_drop']],
    [
      'errors',
      [
        'live_locked',
        'unsettled',
        'no_broker_key',
        'confirmation_required',
        'version_conflict',
        'bot_has_holding',
        'bot_has_sheet',
      ],
    ],
    ['dashboard', ['low_cash', 'high_cash']],
    ['check', ['token', 'balance', 'price']],
  ])('%s', (family, codes) => {
    for (const word of codes) expect(korean.has(`${family}.${word}`), `${family}.${word}`).toBe(true);
  });

  it('cover the server’s table of error codes', () => {
    const table = readFileSync(join(__dirname, '../../src/http/error.rs'), 'utf8');
    const codes = [...table.matchAll(/^ {4}\w+ [45]\d\d "([a-z_]+)" "/gm)].map((match) => match[1] ?? '');
    expect(codes.length).toBeGreaterThan(20);
    expect(codes.filter((word) => !korean.has(`errors.${word}`))).toEqual([]);
  });
});
