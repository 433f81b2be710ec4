import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { useOrder } from '../../api/queries/trading';
import type { OrderDetail } from '../../api/types';
import { useCurrentAccount } from '../../components/layout/account';
import { EnvironmentBadge, SideBadge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { Note, QueryView } from '../../components/ui/feedback';
import { InstrumentName } from '../../components/ui/instrument';
import { Missing, Money, Price, Shares, When } from '../../components/ui/value';
import { type Currency, currencyOf, price } from '../../lib/format';
import { useLocale } from '../../lib/locale';
import { useAmountsHidden } from '../../lib/privacy';
import { clock } from '../../lib/time';
import { eventText } from './eventText';
import { AmendDialog, CancelDialog, canAmend, canCancel } from './OrderDialogs';
import { OrderReason, OrderStateBadge, useReasonText } from './OrderState';
import { OrderPrice } from './OrderTable';

export function OrderPage() {
  const { id = '' } = useParams();
  const query = useOrder(id);
  return <QueryView query={query}>{(order) => <Detail order={order} />}</QueryView>;
}

function Detail({ order }: { order: OrderDetail }) {
  const { t, i18n } = useTranslation();
  const { accounts } = useCurrentAccount();
  const [asked, setAsked] = useState<'cancel' | 'amend' | null>(null);
  const currency = currencyOf(order.market);
  return (
    <>
      <PageHead
        title={`${order.symbol} ${t(`side.${order.side}`)}`}
        sub={
          <span className="flex flex-wrap items-center gap-1">
            <SideBadge side={order.side} />
            <InstrumentName market={order.market} symbol={order.symbol} />
            <OrderStateBadge order={order} />
            <EnvironmentBadge environment={order.environment} />
            <OrderReason order={order} />
          </span>
        }
      >
        {canAmend(order) && (
          <Button onClick={() => setAsked('amend')} data-testid="order-amend-open">
            {t('orders.amend')}
          </Button>
        )}
        {canCancel(order) && (
          <Button tone="danger" onClick={() => setAsked('cancel')} data-testid="order-cancel-open">
            {t('orders.cancel')}
          </Button>
        )}
      </PageHead>
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
                label: t('ticket.account'),
                value: accounts.find((item) => item.id === order.account_id)?.name ?? <Missing />,
              },
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
              { label: t('ticket.kind'), value: t(`orderKind.${order.order_type}`) },
              ...(order.market === 'KRX' ? [{ label: t('ticket.venue'), value: t(`venue.${order.venue}`) }] : []),
              { label: t('orders.quantity'), value: <Shares value={order.quantity} /> },
              { label: t('orders.filledQuantity'), value: <Shares value={order.filled_quantity} /> },
              { label: t('orders.limit'), value: <OrderPrice order={order} /> },
              ...(order.trigger_price !== null
                ? [{ label: t('ticket.trigger'), value: <Price value={order.trigger_price} currency={currency} /> }]
                : []),
              { label: t('orders.fillPrice'), value: <Price value={order.average_price} currency={currency} /> },
              { label: t('orders.filledAmount'), value: <Money value={order.filled_amount} currency={currency} /> },
              { label: t('orders.brokerNo'), value: order.broker_order_no ?? <Missing /> },
              { label: t('orders.at'), value: <When at={order.created_at} long /> },
              { label: t('orders.updated'), value: <When at={order.updated_at} long /> },
            ]}
          />
        </Card>
        <Card title={t('orders.events')}>
          <ol className="space-y-2" data-testid="order-events">
            {order.events.map((event) => {
              // Nothing leaves this server for an order of its own paper.
              const sentHere = order.environment === 'own' && event.type === 'order_sent';
              const key = sentHere ? 'event.order_sent_here' : `event.${event.type}`;
              return (
                <li key={event.seq} className="border-line flex gap-3 border-l-2 pl-3 text-sm">
                  <time dateTime={event.at} className="num text-muted shrink-0">
                    {clock(event.at, 'Asia/Seoul', true)}
                  </time>
                  <span className="min-w-0">
                    <strong>{i18n.exists(key) ? t(key) : event.type}</strong>
                    <EventDetail detail={event.detail} currency={currency} />
                  </span>
                </li>
              );
            })}
          </ol>
        </Card>
      </div>
      {asked === 'cancel' && <CancelDialog order={order} onClose={() => setAsked(null)} />}
      {asked === 'amend' && <AmendDialog order={order} onClose={() => setAsked(null)} />}
    </>
  );
}

/** What matters of an event; the journal's other members are ids that this page shows already. */
function EventDetail({ detail, currency }: { detail: unknown; currency: Currency }) {
  const hidden = useAmountsHidden();
  const locale = useLocale();
  const text = eventText(detail, useReasonText(), hidden, (value) => price(value, currency, locale));
  return text && <span className="text-muted block text-xs">{text}</span>;
}
