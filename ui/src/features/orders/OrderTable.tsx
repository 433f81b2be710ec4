import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Order } from '../../api/types';
import { EnvironmentBadge, SideBadge } from '../../components/ui/badge';
import { DataTable } from '../../components/ui/table';
import { Price, Shares, When } from '../../components/ui/value';
import { OrderReason, OrderStateBadge } from './OrderState';

export function OrderTable({ orders, label }: { orders: Order[]; label: string }) {
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
              <span className="text-muted">{order.bot_name}</span>
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
        { id: 'price', header: t('orders.limit'), right: true, cell: (order) => <Price value={order.price} /> },
        {
          id: 'average',
          header: t('orders.fillPrice'),
          right: true,
          cell: (order) => <Price value={order.average_price} />,
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
