/**
 * Exact decimals as strings. Amounts come from the server as text and go back as text; nothing here passes
 * through binary floating point.
 */

interface Parts {
  negative: boolean;
  digits: bigint;
  scale: number;
}

const PLAIN = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

function parts(value: string | number): Parts | null {
  const match = PLAIN.exec(String(value));
  if (!match) return null;
  const [, sign, whole = '', fraction = '', exponent] = match;
  if (whole === '' && fraction === '') return null;
  let digits = BigInt(whole + fraction || '0');
  let scale = fraction.length - Number(exponent ?? 0);
  if (Math.abs(scale) > 400) return null;
  if (scale < 0) {
    digits *= 10n ** BigInt(-scale);
    scale = 0;
  }
  return { negative: sign === '-' && digits !== 0n, digits, scale };
}

function text({ negative, digits, scale }: Parts): string {
  const padded = digits.toString().padStart(scale + 1, '0');
  const cut = padded.length - scale;
  const body = scale > 0 ? `${padded.slice(0, cut)}.${padded.slice(cut)}` : padded;
  return negative && digits !== 0n ? `-${body}` : body;
}

function trimmed(value: Parts): Parts {
  let { digits, scale } = value;
  while (scale > 0 && digits % 10n === 0n) {
    digits /= 10n;
    scale -= 1;
  }
  return { ...value, digits, scale };
}

const signed = (p: Parts): bigint => (p.negative ? -p.digits : p.digits);
const fromSigned = (value: bigint, scale: number): Parts => ({
  negative: value < 0n,
  digits: value < 0n ? -value : value,
  scale,
});

/** Reads what a person typed: grouping commas, blanks and typographic minus signs are fine. Null when it is no number. */
export function readDecimal(input: string): string | null {
  const cleaned = input
    .trim()
    .replace(/[\u2212\u2013\uff0d]/g, '-')
    .replace(/^-\s+/, '-');
  if (!/^[+-]?(\d+|\d{1,3}(,\d{3})+)?(\.\d*)?$/.test(cleaned)) return null;
  const value = parts(cleaned.replaceAll(',', ''));
  return value && text(trimmed(value));
}

/** Whether the server's value is a number at all. */
export function isDecimal(value: string | number): boolean {
  return parts(value) !== null;
}

/** The same value without trailing zeros or exponent. */
export function canonical(value: string | number): string {
  const p = parts(value);
  return p ? text(trimmed(p)) : String(value);
}

/** Moves the decimal point: `shift('0.125', 2)` is `12.5`. */
export function shift(value: string | number, places: number): string {
  const p = parts(value);
  if (!p) return String(value);
  const scale = p.scale - places;
  return text(trimmed(scale < 0 ? { ...p, digits: p.digits * 10n ** BigInt(-scale), scale: 0 } : { ...p, scale }));
}

/** Rounds half away from zero to `places` decimals and keeps exactly that many. */
export function round(value: string | number, places: number): string {
  const p = parts(value);
  if (!p) return String(value);
  if (p.scale <= places) return text({ ...p, digits: p.digits * 10n ** BigInt(places - p.scale), scale: places });
  const unit = 10n ** BigInt(p.scale - places);
  const digits = (p.digits + unit / 2n) / unit;
  return text({ negative: p.negative, digits, scale: places });
}

function binary(a: string | number, b: string | number, apply: (x: bigint, y: bigint) => bigint): string {
  const x = parts(a);
  const y = parts(b);
  if (!x || !y) return '0';
  const scale = Math.max(x.scale, y.scale);
  const at = (p: Parts) => signed(p) * 10n ** BigInt(scale - p.scale);
  return text(trimmed(fromSigned(apply(at(x), at(y)), scale)));
}

export const add = (a: string | number, b: string | number): string => binary(a, b, (x, y) => x + y);
export const subtract = (a: string | number, b: string | number): string => binary(a, b, (x, y) => x - y);

export function multiply(a: string | number, b: string | number): string {
  const x = parts(a);
  const y = parts(b);
  return x && y ? text(trimmed(fromSigned(signed(x) * signed(y), x.scale + y.scale))) : '0';
}

/** -1, 0 or 1. */
export function sign(value: string | number): -1 | 0 | 1 {
  const p = parts(value);
  if (!p || p.digits === 0n) return 0;
  return p.negative ? -1 : 1;
}

export const compare = (a: string | number, b: string | number): -1 | 0 | 1 => sign(subtract(a, b));

/** A percent field's text for a stored fraction, and back: `0.07` ↔ `7`. */
export const percentText = (fraction: string | number): string => shift(fraction, 2);
export function fractionOf(percent: string): string | null {
  const value = readDecimal(percent);
  return value === null ? null : shift(value, -2);
}
