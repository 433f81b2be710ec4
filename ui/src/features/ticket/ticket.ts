import type { OrderKind, OrderRequest, Side, TicketPreview, Venue } from '../../api/types';
import { compare, readDecimal } from '../../lib/decimal';

/** What the fields of the ticket hold. */
export interface TicketText {
  symbol: string;
  side: Side;
  kind: OrderKind;
  quantity: string;
  price: string;
  trigger: string;
  /** Where a Korean order goes. */
  venue: Venue;
}

export type TicketField = 'symbol' | 'quantity' | 'price' | 'trigger';

const LIMITED: ReadonlySet<OrderKind> = new Set<OrderKind>([
  'limit',
  'loo',
  'loc',
  'conditional_limit',
  'ioc_limit',
  'fok_limit',
  'stop_limit',
  'twap',
  'vwap',
]);

/** The order names a limit price. */
export const hasLimit = (kind: OrderKind): boolean => LIMITED.has(kind);
/** The order waits for a trigger price. */
export const hasTrigger = (kind: OrderKind): boolean => kind === 'stop_limit';

export interface ReadTicket {
  /** What to ask about; with stand-ins for fields that are still empty. Null before there is a code. */
  request: OrderRequest | null;
  /** Nothing is missing or wrong. */
  complete: boolean;
  /** Messages are keys of the locale files. */
  errors: Partial<Record<TicketField, string>>;
}

function positive(text: string, whole = false): { value: string | null; error: string | null } {
  if (text.trim() === '') return { value: null, error: 'form.required' };
  const value = readDecimal(text);
  if (value === null) return { value: null, error: 'form.number' };
  if (compare(value, '0') <= 0) return { value: null, error: 'form.above|0' };
  if (whole && value.includes('.')) return { value: null, error: 'form.places|0' };
  return { value, error: null };
}

/** A Korean code or something that can be a US ticker; other texts are names to search for. */
export const isCode = (text: string): boolean => /^(\d[0-9A-Z]{5}|Q\d{6}|[A-Z][A-Z./-]{0,11})$/.test(text);

/** Reads the fields for an order of `account`. Pure. */
export function readTicket(text: TicketText, account: string): ReadTicket {
  const symbol = text.symbol.trim().toUpperCase();
  const quantity = positive(text.quantity, true);
  const price = hasLimit(text.kind) ? positive(text.price) : { value: null, error: null };
  const trigger = hasTrigger(text.kind) ? positive(text.trigger) : { value: null, error: null };
  const errors: ReadTicket['errors'] = {
    ...(symbol === '' ? { symbol: 'form.required' } : !isCode(symbol) && { symbol: 'form.code' }),
    ...(quantity.error && { quantity: quantity.error }),
    ...(price.error && { price: price.error }),
    ...(trigger.error && { trigger: trigger.error }),
  };
  const request: OrderRequest | null = !isCode(symbol)
    ? null
    : {
        account,
        symbol,
        side: text.side,
        order_type: text.kind,
        // One share asks what the account offers and what the price is.
        quantity: quantity.value ?? '1',
        ...(price.value !== null && { price: price.value }),
        ...(trigger.value !== null && { trigger_price: trigger.value }),
        ...(text.venue !== 'KRX' && { venue: text.venue }),
      };
  return { request, complete: Object.keys(errors).length === 0, errors };
}

/** Who decided which money a US buy spends: the account's owner, the broker's own figures, or neither. */
export function choiceOf({ us_funds, buying_power_basis }: TicketPreview): 'detected' | 'chosen' | 'not_shown' {
  if (us_funds === 'automatic') return 'detected';
  return us_funds === buying_power_basis ? 'chosen' : 'not_shown';
}

/** Whole shares that the buying power pays at the limit, or else at the last price; charges are not in it. */
export function mostShares(preview: TicketPreview, limit: string | null): string | null {
  const price = limit ?? preview.last_price;
  if (preview.buying_power === null || price === null || compare(price, '0') <= 0) return null;
  return String(Math.max(0, Math.floor(Number(preview.buying_power) / Number(price))));
}

/** A refusal that only says what is still to be filled in is none. */
export function refusalOf(preview: TicketPreview | undefined, complete: boolean): TicketPreview['refusal'] {
  const refusal = preview?.refusal ?? null;
  if (complete || refusal === null) return refusal;
  return refusal.code === 'price_required' || refusal.code.startsWith('limit_') ? null : refusal;
}
