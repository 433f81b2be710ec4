import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Account, Order } from '../../api/types';
import { EnvironmentBadge, SideBadge } from '../../components/ui/badge';
import { InstrumentName } from '../../components/ui/instrument';
import { DataTable } from '../../components/ui/table';
import { Price, Shares, When } from '../../components/ui/value';
import { currencyOf } from '../../lib/format';
import { OrderReason, OrderStateBadge } from './OrderState';

/** With `accounts` the rows say whose order each is. */
export function OrderTable({ orders, label, accounts }: { orders: Order[]; label: string; accounts?: Account[] }) {
  const { t } = useTranslation();
  return (
    <DataTable
      label={label}
      rows={orders}
      rowKey={(order) => order.id}
      rowTestId="order-row"
      columns={[
        {
          id: 'what',
          header: t('orders.order'),
          lead: true,
          cell: (order) => (
            <Link to={`/orders/${order.id}`} className="inline-flex flex-wrap items-center gap-1.5 hover:underline">
              <SideBadge side={order.side} />
              <strong>{order.symbol}</strong>
              <InstrumentName market={order.market} symbol={order.symbol} />
              <span className="text-muted">{order.bot_name}</span>
              {accounts && (
                <span className="text-muted text-xs">
                  {accounts.find((item) => item.id === order.account_id)?.name}
                </span>
              )}
              <EnvironmentBadge environment={order.environment} />
            </Link>
          ),
        },
        {
          id: 'state',
          header: t('orders.state'),
          wide: true,
          cell: (order) => (
            <div>
              <OrderStateBadge order={order} />
              <div>
                <OrderReason order={order} />
              </div>
            </div>
          ),
        },
        {
          id: 'quantity',
          header: t('orders.quantity'),
          right: true,
          cell: (order) => <Shares value={order.quantity} />,
        },
        {
          id: 'price',
          header: t('orders.limit'),
          right: true,
          cell: (order) => <OrderPrice order={order} />,
        },
        {
          id: 'average',
          header: t('orders.fillPrice'),
          right: true,
          cell: (order) => <Price value={order.average_price} currency={currencyOf(order.market)} />,
        },
        {
          id: 'origin',
          header: t('orders.origin'),
          cell: (order) => t(`origin.${order.origin}`),
        },
        { id: 'at', header: t('orders.at'), cell: (order) => <When at={order.created_at} /> },
      ]}
    />
  );
}

/** The limit, with the kind of the order where it is not a plain one. */
export function OrderPrice({ order }: { order: Order }) {
  const { t } = useTranslation();
  const kind = t(`orderKind.${order.order_type}`);
  if (order.price === null) return kind;
  return (
    <>
      <Price value={order.price} currency={currencyOf(order.market)} />
      {order.order_type !== 'limit' && <span className="text-muted block text-xs">{kind}</span>}
    </>
  );
}
