import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import api from '../openapi.json';
import { runDetail } from '../src/features/schedule/runDetail';
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

/** Families of texts and the enumerations of the API whose values they name. */
const families: [family: string, schema: keyof typeof api.components.schemas][] = [
  ['orderState', 'OrderState'],
  ['kind', 'TradeKind'],
  ['job', 'Job'],
  ['runState', 'RunState'],
  ['origin', 'OriginView'],
  ['action', 'ActionView'],
  ['ladder', 'LevelKind'],
  ['dashboard', 'HintCode'],
  ['check', 'CheckName'],
  ['level', 'Mood'],
  ['trend', 'TrendView'],
  ['moved', 'MoveReason'],
  ['source', 'RateSource'],
  ['role', 'Role'],
  ['roleText', 'Role'],
  ['scope', 'Scope'],
  ['scopeText', 'Scope'],
];

const server = join(__dirname, '../../src');
function rust(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return rust(path);
    return name.endsWith('.rs') && name !== 'tests.rs'
      ? [readFileSync(path, 'utf8').split('#[cfg(test)]')[0] ?? '']
      : [];
  });
}

describe('texts for codes of the API', () => {
  it.each(families)('%s: all of %s', (family, schema) => {
    const found: unknown = api.components.schemas[schema];
    const { enum: plain, oneOf } = found as { enum?: string[]; oneOf?: { enum: string[] }[] };
    const words = plain ?? oneOf?.flatMap((item) => item.enum) ?? [];
    expect(words.length).toBeGreaterThan(1);
    expect(words.filter((word) => !korean.has(`${family}.${word}`))).toEqual([]);
  });

  it('cover the server’s table of error codes', () => {
    const table = readFileSync(join(server, 'http/error.rs'), 'utf8');
    const codes = [...table.matchAll(/^ {4}\w+ [45]\d\d "([a-z_]+)" "/gm)].map((match) => match[1] ?? '');
    expect(codes.length).toBeGreaterThan(20);
    expect(codes.filter((word) => !korean.has(`errors.${word}`))).toEqual([]);
  });

  it('cover the codes that only one refusal has', () => {
    const refusals = rust(server).flatMap((text) => [...text.matchAll(/\b(?:conflict|refused)\(\s*"([a-z_]+)"/g)]);
    const importer = readFileSync(join(server, 'importers/eggmoney/error.rs'), 'utf8');
    const codes = [...refusals, ...importer.matchAll(/Error::\w+(?:\(_\)| \{ \.\. \})? => "([a-z_]+)"/g)];
    // Never reach a person under these names: they become errors of the store or of the server.
    const words = new Set(
      codes.map((match) => match[1] ?? '').filter((word) => !['vault', 'store', 'import_disagrees'].includes(word)),
    );
    expect(words.size).toBeGreaterThan(25);
    expect([...words].filter((word) => !korean.has(`errors.${word}`))).toEqual([]);
  });

  it('cover the remarks on finished runs', () => {
    const trading = rust(join(server, 'trading')).join('\n');
    const fixed = [
      ...trading.matchAll(/Outcome::Done\((?:if \w+ \{ )?"([^"]+)"(?: \} else \{ "([^"]+)")?/g),
      ...trading.matchAll(/RunState::Missed, now, "([^"]+)"/g),
      ...trading.matchAll(/\bHALTED: &str = "([^"]+)"/g),
      ...trading.matchAll(/format!\("(\{\} messages)"/g),
    ].flatMap((match) => match.slice(1).filter((text) => text !== undefined));
    expect(fixed.length).toBeGreaterThan(8);
    const keys = fixed.map((text) => runDetail(text.replace('{}', '4')).key);
    expect(keys.filter((word) => !korean.has(`runDetail.${word}`))).toEqual([]);
  });

  it('cover the warnings of an import', () => {
    const importer = rust(join(server, 'importers/eggmoney')).join('\n');
    const found = [
      ...importer.matchAll(/\bwarn(?:_with)?\(\s*"([a-z_]+)"/g),
      ...importer.matchAll(/Warning \{\s*code: "([a-z_]+)"/g),
      ...importer.matchAll(/\(\s*"([a-z]+_[a-z]+)",\s*[a-z_]+,\s*"/g),
    ];
    const words = new Set(found.map((match) => match[1] ?? ''));
    expect(words.size).toBeGreaterThan(20);
    const missing = (family: string) => [...words].filter((word) => !korean.has(`${family}.${word}`));
    expect([...missing('importWarning'), ...missing('importWarningText')]).toEqual([]);
    const quoting = [...importer.matchAll(/\bwarn_with\(\s*"([a-z_]+)"/g)].map((match) => match[1] ?? '');
    expect(quoting.length).toBeGreaterThan(5);
    expect(quoting.filter((word) => !korean.has(`importWarningFigure.${word}`))).toEqual([]);
  });

  it.each([
    ['importFault', 'importers/eggmoney', 20],
    ['fieldError', 'domain/schedule', 9],
  ])('%s: all remarks of %s', (family, folder, least) => {
    const text = rust(join(server, folder)).join('\n');
    const found = [
      ...text.matchAll(/Remark::new\(\s*"([a-z_]+)"/g),
      ...text.matchAll(/\.wrong\("([a-z_]+)"/g),
      ...text.matchAll(/=> "(late_in_[a-z]+)"/g),
    ];
    const words = [...new Set(found.map((match) => match[1] ?? ''))];
    expect(words.length).toBeGreaterThanOrEqual(least);
    expect(words.filter((word) => !korean.has(`${family}.${word}`))).toEqual([]);
  });

  it('cover what an import finds no place for', () => {
    const plan = readFileSync(join(server, 'importers/eggmoney/plan.rs'), 'utf8');
    const words = [...plan.matchAll(/\badd\(\s*[^,]+,\s*\w+,\s*"([a-z_]+)"/g)].map((match) => match[1] ?? '');
    expect(words).toHaveLength(4);
    expect(words.filter((word) => !korean.has(`importUnplaced.${word}`))).toEqual([]);
  });

  it('cover the audited acts', () => {
    const found = rust(server).flatMap((text) => [
      ...text.matchAll(/\b(?:audit|change_bot)\(\s*[^"]*?,\s*"([a-z_]+\.[a-z_]+)",/g),
      ...text.matchAll(/\.create\(\w+, \w+, "([a-z_]+\.[a-z_]+)"/g),
      ...text.matchAll(/"(kill_switch\.\w+)"/g),
      ...text.matchAll(/\bnote_shared\([^"]*?"([a-z_]+\.[a-z_]+)"/g),
    ]);
    const acts = new Set(found.map((match) => match[1] ?? ''));
    expect(acts.size).toBeGreaterThan(40);
    expect([...acts].filter((act) => !korean.has(`auditAction.${act}`))).toEqual([]);
    const named = [...korean.keys()].filter((key) => key.startsWith('auditAction.'));
    expect(named.filter((key) => !acts.has(key.replace('auditAction.', '')))).toEqual([]);
  });

  it('cover the kinds of a broker’s failures', () => {
    const broker = readFileSync(join(server, 'brokers/error.rs'), 'utf8');
    const words = [...broker.matchAll(/BrokerError::\w+(?:\(_\)| \{ \.\. \})? => "([a-z_]+)"/g)].map((m) => m[1] ?? '');
    expect(words.length).toBeGreaterThan(8);
    expect(words.filter((word) => !korean.has(`errors.${word}`))).toEqual([]);
  });
});
