import { useTranslation } from 'react-i18next';
import type { LimitHit, Order, OrderState } from '../../api/types';
import { Badge, type BadgeTone } from '../../components/ui/badge';
import { quantity } from '../../lib/format';
import { useLimitText } from '../../lib/limitText';
import { useLocale } from '../../lib/locale';
import { useAmountsHidden } from '../../lib/privacy';

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
  const hidden = useAmountsHidden();
  const partly = !hidden && Number(order.filled_quantity) > 0 && order.state !== 'filled';
  const open = order.state === 'accepted' || order.state === 'partially_filled';
  return (
    <span className="inline-flex flex-wrap items-center gap-1">
      <Badge tone={tones[order.state] ?? 'grey'} testId="order-state">
        {t(`orderState.${order.state}`)}
        {partly && <span className="num ml-1">{`${quantity(order.filled_quantity)}/${quantity(order.quantity)}`}</span>}
      </Badge>
      {open && order.cancel_requested && <Badge tone="amber">{t('orders.cancelling')}</Badge>}
      {open && order.amending && <Badge tone="amber">{t('orders.amending')}</Badge>}
    </span>
  );
}

/** A reason as the journal has it. */
export interface JournalReason {
  code: string;
  message: string;
  limit?: LimitHit | null;
}

/** Why an order came to nothing: our codes have a sentence, a broker's code comes with the broker's words. */
export function useReasonText(): (reason: JournalReason) => string {
  const { t, i18n } = useTranslation();
  const locale = useLocale();
  const limitText = useLimitText();
  return ({ code, message, limit }) => {
    const key = `errors.${code}`;
    const known = i18n.exists(key) ? t(key) : null;
    // The server's sentence about a limit quotes the same figures, which may have to be covered.
    const words = limit ? limitText(limit) : !known || locale === 'en' || /[가-힣]/.test(message) ? message : null;
    return [known, words, `(${code})`].filter(Boolean).join(' ');
  };
}

export function OrderReason({ order }: { order: Order }) {
  const text = useReasonText();
  return order.reason && <span className="text-muted text-xs">{text(order.reason)}</span>;
}
