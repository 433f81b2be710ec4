import { describe, expect, it } from 'vitest';
import { bytes, currencyOf, fixed, money, percent, price, quantity, turns } from '../src/lib/format';

it('writes won prices without decimals that they do not need', () => {
  expect(price('70000', currencyOf('KRX'), 'ko')).toBe('70,000원');
  expect(price('70000.125', 'KRW', 'en')).toBe('₩70,000.13');
  expect(price('63.1', currencyOf('US'))).toBe('$63.10');
});

describe('money', () => {
  it('groups digits and puts signs before the currency', () => {
    expect(money('1234567.894', 'USD')).toBe('$1,234,567.89');
    expect(money('-3239.68', 'USD', { signed: true })).toBe('-$3,239.68');
    expect(money('118.42', 'USD', { signed: true })).toBe('+$118.42');
    expect(money('0', 'USD', { signed: true })).toBe('$0.00');
  });

  it('writes won in the manner of the language', () => {
    expect(money('80462534.4', 'KRW', { locale: 'ko' })).toBe('80,462,534원');
    expect(money('-4478857', 'KRW', { locale: 'en' })).toBe('-₩4,478,857');
  });

  it('never turns a missing value into zero', () => {
    for (const value of [null, undefined, '', 'NaN']) {
      expect(money(value, 'USD')).toBeNull();
      expect(percent(value)).toBeNull();
      expect(quantity(value)).toBeNull();
    }
  });

  it('does not print a sign for what rounds to nothing', () => {
    expect(money('-0.001', 'USD')).toBe('$0.00');
  });
});

it('keeps two to four decimals of a price', () => {
  expect(price('63.1')).toBe('$63.10');
  expect(price('63.12345')).toBe('$63.1235');
  expect(price('67.507')).toBe('$67.507');
});

it('shows fractions as percent', () => {
  expect(percent(-0.0945, { signed: true })).toBe('-9.45%');
  expect(percent(0.07)).toBe('7.00%');
  expect(percent('0.5', { places: 0 })).toBe('50%');
});

it('drops needless zeros of quantities', () => {
  expect(quantity('7280.000')).toBe('7,280');
  expect(quantity('120.50')).toBe('120.5');
  expect(fixed(16.5, 2)).toBe('16.50');
  expect(turns(16.5, 40)).toBe('16.50 / 40');
});

it('shows sizes in binary units', () => {
  expect(bytes(0)).toBe('0 B');
  expect(bytes(66_060_288)).toBe('63.0 MB');
  expect(bytes(null)).toBeNull();
});
