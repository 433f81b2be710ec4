import { price, quantity } from '../../lib/format';
import { COVER } from '../../lib/privacy';

type Members = Record<string, unknown>;
const members = (value: unknown): Members => (value !== null && typeof value === 'object' ? (value as Members) : {});
const amount = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? value : null);

/** One line about an event of an order's journal: shares and price, the broker's number, or the reason. */
export function eventText(
  detail: unknown,
  reasonText: (code: string, message: string) => string,
  hidden = false,
): string {
  if (typeof detail === 'string') return detail;
  const event = members(detail);
  const intent = members(event.intent);
  const fill = members(event.fill);
  const reason = members(event.reason);
  const parts = [
    times(intent.quantity, intent.limit_price, hidden),
    times(fill.quantity, fill.price, hidden),
    typeof event.broker_order_no === 'string' ? event.broker_order_no : null,
    typeof reason.message === 'string' ? reasonText(String(reason.code), reason.message) : null,
  ];
  return parts.filter(Boolean).join(' · ');
}

function times(shares: unknown, at: unknown, hidden: boolean): string | null {
  const [count, value] = [hidden ? COVER : quantity(amount(shares)), price(amount(at))];
  return count && value && `${count} × ${value}`;
}
