import { describe, expect, it } from 'vitest';
import { ApiError } from '../src/api/errors';
import { botSchema, changedFields, newBotText, patchOf, textOf } from '../src/features/bots/settings';
import { spread } from '../src/features/bots/spread';
import { comparisons, textOf as lineOf } from '../src/features/imports/report';
import { accountOf, syncOf } from '../src/features/imports/suggest';
import { eventText } from '../src/features/orders/eventText';
import { deviceName } from '../src/features/profile/device';
import { ruleError } from '../src/features/schedule/RuleEditor';
import { converted, kstOf, newYorkOf } from '../src/features/schedule/rules';
import { optionalDecimalField, refusedFields } from '../src/lib/forms';
import { aBot } from './support';

describe('bot settings', () => {
  it('survive the way through the form unchanged', () => {
    const bot = aBot();
    expect(changedFields(bot, botSchema.parse(textOf(bot)))).toEqual([]);
  });

  it('send only what changed, with exact fractions and signs', () => {
    const bot = aBot();
    const edited = botSchema.parse({ ...textOf(bot), profit_rate: '7', added_seed: '-1,200.50', seed: '312.50' });
    expect(patchOf(bot, edited)).toEqual({ profit_rate: 0.07, added_seed: '-1200.5' });
  });

  it('name each refused field', () => {
    const result = botSchema.safeParse({
      ...newBotText,
      name: 'X',
      symbol: 'tqqq',
      seed: '0',
      max_tier: '1.5',
      profit_rate: '-1',
      closing_conditions: [
        { drop_rate: '5', seed_rate: '20' },
        { drop_rate: '5.0', seed_rate: '30' },
      ],
    });
    const paths = result.error?.issues.map((issue) => [issue.path.join('.'), issue.message]);
    expect(paths).toEqual([
      ['seed', 'form.above|0'],
      ['max_tier', 'form.places|0'],
      ['profit_rate', 'form.above|0'],
      ['closing_conditions.1.drop_rate', 'form.duplicate'],
    ]);
  });
});

it('finds the form field of a refusal', () => {
  const error = new ApiError({
    status: 422,
    code: 'invalid',
    detail: 'two problems',
    errors: [
      { pointer: '/seed', code: 'invalid', detail: 'must be positive' },
      { pointer: '/elsewhere', code: 'invalid', detail: 'not ours' },
    ],
  });
  expect(refusedFields(error, ['seed', 'symbol'])).toEqual([{ field: 'seed', detail: 'must be positive' }]);
});

describe('time rules', () => {
  it('mean other Korean times in summer and in winter', () => {
    const close = { type: 'before_close', minutes: 30 } as const;
    expect([kstOf(close, 'summer'), kstOf(close, 'winter')]).toEqual(['04:30', '05:30']);
    expect([newYorkOf(close, 'summer'), newYorkOf(close, 'winter')]).toEqual(['15:30', '15:30']);
    const fixed = { type: 'kst', time: '00:05:00' } as const;
    expect([kstOf(fixed, 'summer'), kstOf(fixed, 'winter')]).toEqual(['00:05', '00:05']);
    expect([newYorkOf(fixed, 'summer'), newYorkOf(fixed, 'winter')]).toEqual(['11:05', '10:05']);
  });

  it('keep their summer time when their kind changes', () => {
    expect(converted({ type: 'kst', time: '04:50:00' }, 'before_close')).toEqual({ type: 'before_close', minutes: 10 });
    expect(converted({ type: 'kst', time: '00:05:00' }, 'after_open')).toEqual({ type: 'after_open', minutes: 95 });
    expect(converted({ type: 'after_open', minutes: 35 }, 'kst')).toEqual({ type: 'kst', time: '23:05:00' });
  });

  it('are refused when they are no time', () => {
    expect(ruleError({ type: 'kst', time: '25:00:00' })).toBe('form.time');
    expect(ruleError({ type: 'kst', time: '00:05' })).toBe('form.time');
    expect(ruleError({ type: 'kst', time: '00:05:00' })).toBeNull();
    expect(ruleError({ type: 'before_close', minutes: Number.NaN })).toBe('schedule.minutesRange');
  });
});

describe('import report', () => {
  it('compares both sides leaf by leaf', () => {
    const rows = comparisons(
      { history: { rows: 3, sum_profit: 10.001, names: ['a'] }, trade: { rows: 1 } },
      { history: { rows: 2, sum_profit: 10 }, extra: { rows: 9 } },
    );
    expect(rows.map((row) => [row.path, row.read, row.stored, row.equal])).toEqual([
      ['history.rows', '3', '2', false],
      ['history.sum_profit', '10.00', '10', true],
      ['trade.rows', '1', null, false],
      ['extra.rows', '–', '9', false],
    ]);
  });

  it('writes free-form entries as a line', () => {
    expect(lineOf({ code: 'x', subject: 'TQ_1', detail: 'odd' })).toBe('TQ_1 · odd');
    expect(lineOf({ type: 'unbooked_fills', name: 'TQ_1', quantity: 4 })).toBe('name: TQ_1 · quantity: 4');
  });

  it('suggests the account from the file name', () => {
    expect(accountOf('egg_chan.db')).toBe('chan');
    expect(accountOf('egg_sk.backup_2.db')).toBe('sk');
    expect(accountOf('photo.jpg')).toBeNull();
    expect([syncOf('chan'), syncOf('SK')]).toEqual([true, false]);
  });
});

it('tells an order’s events in a line', () => {
  const line = (detail: unknown, hidden = false) =>
    eventText(detail, ({ code, message }) => `${message} (${code})`, hidden);
  expect(line({ type: 'order_filled', fill: { quantity: 3, price: '63.12', gross: '189.36' } })).toBe('3 × $63.12');
  expect(line({ type: 'order_filled', fill: { quantity: 3, price: '63.12' } }, true)).toBe('••• × $63.12');
  expect(line({ type: 'order_intended', intent: { quantity: 10, limit_price: '64.39' } })).toBe('10 × $64.39');
  expect(line({ type: 'order_accepted', broker_order_no: '0030121', broker_order_date: '2026-11-20' })).toBe('0030121');
  expect(line({ type: 'order_rejected', reason: { code: 'x', message: 'no' } })).toBe('no (x)');
  expect(line({ type: 'order_sent', order_id: 'o1' })).toBe('');
});

it('moves labels apart without leaving the picture', () => {
  expect(spread([10, 12, 100], 20, 0, 200)).toEqual([10, 30, 100]);
  const packed = spread([190, 195, 199], 20, 0, 200);
  expect(packed).toEqual([160, 180, 200]);
});

describe('signed-in devices', () => {
  it.each([
    [
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
      'Chrome · Linux',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1',
      'Safari · iPhone',
    ],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36 Edg/141.0',
      'Edge · Windows',
    ],
    [
      'Mozilla/5.0 (Linux; Android 16; SM-S9) AppleWebKit/537.36 SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36',
      'Samsung Internet · Android',
    ],
    ['curl/8.5.0', 'curl/8.5.0'],
    ['', ''],
  ])('%s', (agent, name) => expect(deviceName(agent)).toBe(name));
});

describe('an optional number', () => {
  const field = optionalDecimalField({ above: '0', places: 0 });
  it('may be empty', () => expect(field.parse(' ')).toBeNull());
  it.each([
    ['-5', 'form.above|0'],
    ['abc', 'form.number'],
    ['1.5', 'form.places|0'],
  ])('says in our own words what is wrong with %s', (text, words) =>
    expect(field.safeParse(text).error?.issues[0]?.message).toBe(words),
  );
});
