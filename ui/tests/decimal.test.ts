import { describe, expect, it } from 'vitest';
import {
  add,
  canonical,
  compare,
  fractionOf,
  multiply,
  percentText,
  readDecimal,
  round,
  shift,
  sign,
  subtract,
} from '../src/lib/decimal';

describe('readDecimal', () => {
  it.each([
    ['1,234.50', '1234.5'],
    ['-12.35', '-12.35'],
    ['−12.35', '-12.35'],
    [' 7 ', '7'],
    ['0.', '0'],
    ['-0', '0'],
    ['123456789012345678.123456789', '123456789012345678.123456789'],
  ])('reads %s as %s', (typed, value) => expect(readDecimal(typed)).toBe(value));

  it.each(['', 'abc', '1.2.3', '1,23', '--1', '1e3', '$5', '.'])('refuses %s', (typed) =>
    expect(readDecimal(typed)).toBeNull(),
  );
});

describe('arithmetic', () => {
  it('is exact where binary floats are not', () => {
    expect(add('0.1', '0.2')).toBe('0.3');
    expect(subtract('1', '0.9')).toBe('0.1');
    expect(multiply('312.55', '40')).toBe('12502');
    expect(multiply('-0.07', '3')).toBe('-0.21');
  });

  it('rounds half away from zero and keeps the places', () => {
    expect(round('1.005', 2)).toBe('1.01');
    expect(round('-1.005', 2)).toBe('-1.01');
    expect(round('2', 2)).toBe('2.00');
    expect(round('-0.001', 2)).toBe('0.00');
  });

  it('compares by value, not by text', () => {
    expect(compare('10', '9.99')).toBe(1);
    expect(compare('1.50', '1.5')).toBe(0);
    expect(sign('-0.00')).toBe(0);
  });

  it('understands the exponents that numbers may print', () => {
    expect(canonical(1e-7)).toBe('0.0000001');
    expect(canonical(1e21)).toBe('1000000000000000000000');
  });
});

describe('percent fields', () => {
  it('move the point exactly, both ways, for every value with four decimals', () => {
    for (let n = -20_000; n <= 20_000; n += 1) {
      const fraction = n / 10_000;
      expect(Number(fractionOf(percentText(fraction)))).toBe(fraction === 0 ? 0 : fraction);
    }
  });

  it('show 0.07 as 7, not as 7.000000000000001', () => {
    expect(percentText(0.07)).toBe('7');
    expect(percentText(0.0009)).toBe('0.09');
    expect(fractionOf('-2.5')).toBe('-0.025');
    expect(shift('12.5', -2)).toBe('0.125');
  });
});
