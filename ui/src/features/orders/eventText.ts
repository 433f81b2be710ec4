import { type Amount, price, quantity } from '../../lib/format';
import { COVER } from '../../lib/privacy';
import type { JournalReason } from './OrderState';

type Members = Record<string, unknown>;
const members = (value: unknown): Members => (value !== null && typeof value === 'object' ? (value as Members) : {});
const amount = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? value : null);

/** One line about an event of an order's journal: shares and price, the broker's number, or the reason. */
export function eventText(
  detail: unknown,
  reasonText: (reason: JournalReason) => string,
  hidden = false,
  priceText: (value: Amount) => string | null = price,
): string {
  if (typeof detail === 'string') return detail;
  const event = members(detail);
  const reason = members(event.reason);
  const parts = [
    ...[members(event.intent), members(event.amendment)].map((terms) => times(terms.quantity, terms.limit_price)),
    times(members(event.fill).quantity, members(event.fill).price),
    typeof event.broker_order_no === 'string' ? event.broker_order_no : null,
    typeof reason.message === 'string' ? reasonText({ ...reason, code: String(reason.code) } as JournalReason) : null,
  ];
  return parts.filter(Boolean).join(' · ');

  function times(shares: unknown, at: unknown): string | null {
    const [count, value] = [quantity(amount(shares)), priceText(amount(at))];
    if (!count) return null;
    const shown = hidden ? COVER : count;
    // An order without a limit has no price of its own.
    return value ? `${shown} × ${value}` : `× ${shown}`;
  }
}
