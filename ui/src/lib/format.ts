import { canonical, isDecimal, round, shift, sign } from './decimal';

/** The one number formatter. Every function answers null for a missing value, so that no page shows it as zero. */

export type Amount = string | number | null | undefined;
export type Currency = 'USD' | 'KRW';
export type Locale = 'ko' | 'en';

function present(value: Amount): value is string | number {
  return value !== null && value !== undefined && value !== '' && isDecimal(value);
}

function grouped(plain: string): string {
  const [whole = '', fraction] = plain.replace('-', '').split('.');
  const body = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? body : `${body}.${fraction}`;
}

function withSign(value: string, body: string, always: boolean): string {
  const s = sign(value);
  if (s < 0) return `-${body}`;
  return always && s > 0 ? `+${body}` : body;
}

export interface MoneyOptions {
  signed?: boolean;
  locale?: Locale;
  places?: number;
}

/** `$1,234.56`, `1,234,567원` (English: `₩1,234,567`). */
export function money(value: Amount, currency: Currency, options: MoneyOptions = {}): string | null {
  if (!present(value)) return null;
  const rounded = round(value, options.places ?? (currency === 'USD' ? 2 : 0));
  const body = grouped(rounded);
  const unit = currency === 'USD' ? `$${body}` : options.locale === 'en' ? `₩${body}` : `${body}원`;
  return withSign(rounded, unit, options.signed ?? false);
}

/** A price keeps up to four decimals; in dollars it has at least two, in won none that it does not need. */
export function price(value: Amount, currency: Currency = 'USD', locale?: Locale): string | null {
  if (!present(value)) return null;
  const decimals = canonical(round(value, 4)).split('.')[1]?.length ?? 0;
  return currency === 'USD'
    ? money(value, 'USD', { places: Math.max(2, decimals) })
    : money(value, 'KRW', { places: Math.min(2, decimals), locale });
}

/** The currency that a market trades in. */
export const currencyOf = (market: string): Currency => (market === 'KRX' ? 'KRW' : 'USD');

/** A fraction as percent: `0.125` → `12.50%`. */
export function percent(fraction: Amount, options: { signed?: boolean; places?: number } = {}): string | null {
  if (!present(fraction)) return null;
  const rounded = round(shift(fraction, 2), options.places ?? 2);
  return withSign(rounded, `${grouped(rounded)}%`, options.signed ?? false);
}

/** Shares and plain numbers: grouped, without trailing zeros. */
export function quantity(value: Amount, places = 6): string | null {
  if (!present(value)) return null;
  const rounded = canonical(round(value, places));
  return withSign(rounded, grouped(rounded), false);
}

/** A number with a fixed count of decimals. */
export function fixed(value: Amount, places: number): string | null {
  if (!present(value)) return null;
  const rounded = round(value, places);
  return withSign(rounded, grouped(rounded), false);
}

/** T over max_tier: `12.35 / 40`. */
export function turns(t: Amount, maxTier: Amount): string | null {
  if (!present(t) || !present(maxTier)) return null;
  return `${fixed(t, 2)} / ${quantity(maxTier)}`;
}

/** The same told from a symbol: Korean codes begin with a digit, US tickers with a letter. */
export const currencyOfSymbol = (symbol: string): Currency => (/^\d/.test(symbol) ? 'KRW' : 'USD');

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** Sizes for the admin page: `1.5 GB`. */
export function bytes(value: number | null | undefined): string | null {
  if (value === null || value === undefined || !Number.isFinite(value)) return null;
  const step = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(value) / 10));
  return `${grouped(round(value / 1024 ** step, step === 0 ? 0 : 1))} ${UNITS[step]}`;
}
