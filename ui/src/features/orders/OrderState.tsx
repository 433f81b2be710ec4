import { useTranslation } from 'react-i18next';
import type { Order, OrderState } from '../../api/types';
import { Badge, type BadgeTone } from '../../components/ui/badge';
import { quantity } from '../../lib/format';

const tones: Record<OrderState, BadgeTone> = {
  intent: 'grey',
  sent: 'grey',
  accepted: 'amber',
  partially_filled: 'amber',
  filled: 'green',
  rejected: 'red',
  cancelled: 'grey',
  expired: 'grey',
  unknown: 'red',
};

/** The word for where an order stands: 접수대기 → 접수 → 부분체결 3/10 → 체결, or what else became of it. */
export function OrderStateBadge({ order }: { order: Order }) {
  const { t } = useTranslation();
  const partly = Number(order.filled_quantity) > 0 && order.state !== 'filled';
  return (
    <Badge tone={tones[order.state] ?? 'grey'} testId="order-state">
      {t(`orderState.${order.state}`)}
      {partly && <span className="num ml-1">{`${quantity(order.filled_quantity)}/${quantity(order.quantity)}`}</span>}
    </Badge>
  );
}

export function OrderReason({ order }: { order: Order }) {
  const { t, i18n } = useTranslation();
  if (!order.reason) return null;
  const key = `errors.${order.reason.code}`;
  return (
    <span className="text-muted text-xs">
      {i18n.exists(key) && `${t(key)} `}
      {order.reason.message} <code>({order.reason.code})</code>
    </span>
  );
}
