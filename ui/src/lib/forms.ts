import i18next from 'i18next';
import { z } from 'zod';
import { ApiError, VAGUE } from '../api/errors';
import { compare, readDecimal } from './decimal';

// The content security policy forbids generated code; without this zod probes for it and the browser complains.
z.config({ jitless: true });

/** Fields of forms: text in, exact decimal text out. Messages are keys of the locale files. */

interface Bounds {
  min?: string;
  max?: string;
  above?: string;
  places?: number;
}

function withinBounds(value: string, { min, max, above, places }: Bounds): string | null {
  if (min !== undefined && compare(value, min) < 0) return `form.min|${min}`;
  if (above !== undefined && compare(value, above) <= 0) return `form.above|${above}`;
  if (max !== undefined && compare(value, max) > 0) return `form.max|${max}`;
  if (places !== undefined && (value.split('.')[1]?.length ?? 0) > places) return `form.places|${places}`;
  return null;
}

/** Reads a decimal and checks its bounds; what is wrong becomes an issue of the field. */
function checked(text: string, bounds: Bounds, context: z.core.$RefinementCtx<string>) {
  const value = readDecimal(text);
  const refused = value === null ? 'form.number' : withinBounds(value, bounds);
  if (value !== null && !refused) return value;
  context.addIssue({ code: 'custom', message: refused ?? 'form.number' });
  return z.NEVER;
}

/** A required decimal; signs are kept. */
export function decimalField(bounds: Bounds = {}) {
  return z.string().transform((text, context) => {
    if (text.trim() !== '') return checked(text, bounds, context);
    context.addIssue({ code: 'custom', message: 'form.required' });
    return z.NEVER;
  });
}

/** A whole number. */
export const wholeField = (bounds: Bounds = {}) => decimalField({ ...bounds, places: 0 }).transform(Number);

/** An empty text is "not set". */
export const optionalDecimalField = (bounds: Bounds = {}) =>
  z.string().transform((text, context) => (text.trim() === '' ? null : checked(text, bounds, context)));

export const requiredText = (max = 200) => z.string().trim().min(1, 'form.required').max(max, `form.tooLong|${max}`);

/** `form.min|5` → the sentence with its limit. */
export function issueText(t: (key: string, data?: Record<string, unknown>) => string, message: string | undefined) {
  if (!message) return undefined;
  // A sentence of the server stands as it is.
  if (!message.startsWith('form.')) return message;
  const [key = '', limit] = message.split('|');
  return t(key, { limit });
}

/** The sentence for a refused field: by its code where that says enough, else the server's words. */
function refusal(code: string, detail: string): string {
  const key = `errors.${code}`;
  return !VAGUE.has(code) && i18next.exists(key) ? i18next.t(key) : detail;
}

/** The fields of a form that a refusal is about, as far as the form has them; `under` is the member that holds them. */
export function refusedFields(
  error: unknown,
  known: readonly string[],
  under?: string,
): { field: string; detail: string }[] {
  if (!(error instanceof ApiError)) return [];
  const named = (pointer: string) => {
    const [first = '', second = ''] = pointer.replace(/^#?\//, '').split(/[/.]/);
    return first === under ? second : first;
  };
  const list = (error.problem.errors ?? []).map((item) => ({
    field: named(item.pointer),
    detail: refusal(item.code, item.detail),
  }));
  if (error.field) list.push({ field: named(error.field), detail: refusal(error.code, error.message) });
  return list.filter(
    (item, index) => known.includes(item.field) && list.findIndex((x) => x.field === item.field) === index,
  );
}
