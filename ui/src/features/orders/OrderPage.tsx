import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { useOrder } from '../../api/queries/trading';
import type { OrderDetail } from '../../api/types';
import { EnvironmentBadge, SideBadge } from '../../components/ui/badge';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { Note, QueryView } from '../../components/ui/feedback';
import { Missing, Money, Price, Shares, When } from '../../components/ui/value';
import { useAmountsHidden } from '../../lib/privacy';
import { clock } from '../../lib/time';
import { eventText } from './eventText';
import { OrderReason, OrderStateBadge, useReasonText } from './OrderState';

export function OrderPage() {
  const { id = '' } = useParams();
  const query = useOrder(id);
  return <QueryView query={query}>{(order) => <Detail order={order} />}</QueryView>;
}

function Detail({ order }: { order: OrderDetail }) {
  const { t, i18n } = useTranslation();
  return (
    <>
      <PageHead
        title={`${order.symbol} ${t(`side.${order.side}`)}`}
        sub={
          <span className="flex flex-wrap items-center gap-1">
            <SideBadge side={order.side} />
            <OrderStateBadge order={order} />
            <EnvironmentBadge environment={order.environment} />
            <OrderReason order={order} />
          </span>
        }
      />
      {order.state === 'unknown' && (
        <div className="mb-4">
          <Note tone="warning">{t('orders.unknownText')}</Note>
        </div>
      )}
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card title={t('orders.order')}>
          <Facts
            items={[
              {
                label: t('orders.bot'),
                value: order.bot_id ? (
                  <Link to={`/bots/${order.bot_id}`} className="underline">
                    {order.bot_name}
                  </Link>
                ) : (
                  order.bot_name || <Missing />
                ),
              },
              { label: t('orders.origin'), value: t(`origin.${order.origin}`) },
              { label: t('orders.quantity'), value: <Shares value={order.quantity} /> },
              { label: t('orders.filledQuantity'), value: <Shares value={order.filled_quantity} /> },
              { label: t('orders.limit'), value: <Price value={order.price} /> },
              { label: t('orders.fillPrice'), value: <Price value={order.average_price} /> },
              { label: t('orders.filledAmount'), value: <Money value={order.filled_amount} /> },
              { label: t('orders.brokerNo'), value: order.broker_order_no ?? <Missing /> },
              { label: t('orders.at'), value: <When at={order.created_at} long /> },
              { label: t('orders.updated'), value: <When at={order.updated_at} long /> },
            ]}
          />
        </Card>
        <Card title={t('orders.events')}>
          <ol className="space-y-2" data-testid="order-events">
            {order.events.map((event) => {
              const key = `event.${event.type}`;
              return (
                <li key={event.seq} className="border-line flex gap-3 border-l-2 pl-3 text-sm">
                  <time dateTime={event.at} className="num text-muted shrink-0">
                    {clock(event.at, 'Asia/Seoul', true)}
                  </time>
                  <span className="min-w-0">
                    <strong>{i18n.exists(key) ? t(key) : event.type}</strong>
                    <EventDetail detail={event.detail} />
                  </span>
                </li>
              );
            })}
          </ol>
        </Card>
      </div>
    </>
  );
}

/** What matters of an event; the journal's other members are ids that this page shows already. */
function EventDetail({ detail }: { detail: unknown }) {
  const hidden = useAmountsHidden();
  const text = eventText(detail, useReasonText(), hidden);
  return text && <span className="text-muted block text-xs">{text}</span>;
}
