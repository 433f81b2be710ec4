import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAmendOrder, useCancelOrder } from '../../api/queries/trading';
import type { Order } from '../../api/types';
import { SideBadge } from '../../components/ui/badge';
import { Facts } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { EnvironmentNote } from '../../components/ui/environment';
import { TextField } from '../../components/ui/field';
import { InstrumentName } from '../../components/ui/instrument';
import { useToast } from '../../components/ui/toast';
import { Shares } from '../../components/ui/value';
import { canonical, compare, readDecimal, subtract } from '../../lib/decimal';
import { issueText } from '../../lib/forms';
import { OrderPrice } from './OrderTable';

/** The broker has it and nothing else is under way: it can be cancelled. */
export const canCancel = (order: Order): boolean =>
  (order.state === 'accepted' || order.state === 'partially_filled') && !order.cancel_requested;
/** A bot's order is changed by its bot only. */
export const canAmend = (order: Order): boolean => canCancel(order) && !order.amending && order.bot_id === null;

function What({ order }: { order: Order }) {
  return (
    <p className="flex flex-wrap items-center gap-2 font-bold">
      <SideBadge side={order.side} /> {order.symbol} <InstrumentName market={order.market} symbol={order.symbol} />{' '}
      <Shares value={order.quantity} unit />
    </p>
  );
}

export function CancelDialog({ order, onClose }: { order: Order; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const cancel = useCancelOrder(order.id);
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('orders.cancelTitle')}
      confirmLabel={t('orders.cancelSend')}
      closeLabel={t('common.close')}
      busy={cancel.isPending}
      error={cancel.error}
      testId="order-cancel"
      onConfirm={() =>
        cancel.mutate(undefined, {
          onSuccess: (after) => {
            toast({ text: t(after.state === 'cancelled' ? 'orders.cancelled' : 'orders.cancelAsked'), tone: 'ok' });
            onClose();
          },
        })
      }
    >
      <EnvironmentNote environment={order.environment} />
      <What order={order} />
      <p className="text-sm">{t('orders.cancelText')}</p>
    </ConfirmDialog>
  );
}

/** New price, fewer shares, or both. More shares would be another order: the limits have not seen them. */
export function AmendDialog({ order, onClose }: { order: Order; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const amend = useAmendOrder(order.id);
  const [price, setPrice] = useState(order.price === null ? '' : canonical(order.price));
  const [quantity, setQuantity] = useState(canonical(order.quantity));
  const least = canonical(subtract(order.filled_quantity, '-1'));
  const shares = readDecimal(quantity);
  const limit = readDecimal(price);
  const wrongShares =
    shares === null
      ? 'form.number'
      : shares.includes('.')
        ? 'form.places|0'
        : compare(shares, least) < 0
          ? `form.min|${least}`
          : compare(shares, order.quantity) > 0
            ? `orders.fewerOnly`
            : null;
  const wrongPrice =
    order.price === null ? null : limit === null ? 'form.number' : compare(limit, '0') <= 0 ? 'form.above|0' : null;
  const change = {
    ...(shares !== null && compare(shares, order.quantity) !== 0 && { quantity: shares }),
    ...(order.price !== null && limit !== null && compare(limit, order.price) !== 0 && { price: limit }),
  };
  const text = (message: string | null) =>
    message === 'orders.fewerOnly' ? t('orders.fewerOnly') : issueText(t, message ?? undefined);
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('orders.amendTitle')}
      confirmLabel={t('orders.amend')}
      tone={order.environment === 'live' ? 'danger' : 'primary'}
      ready={!wrongShares && !wrongPrice && Object.keys(change).length > 0}
      busy={amend.isPending}
      error={amend.error}
      testId="order-amend"
      onConfirm={() =>
        amend.mutate(change, {
          onSuccess: (after) => {
            toast({ text: t(after.amending ? 'orders.amendAsked' : 'orders.amended'), tone: 'ok' });
            onClose();
          },
        })
      }
    >
      <EnvironmentNote environment={order.environment} />
      <What order={order} />
      <Facts
        items={[
          { label: t('orders.limit'), value: <OrderPrice order={order} /> },
          { label: t('orders.filledQuantity'), value: <Shares value={order.filled_quantity} /> },
        ]}
      />
      {order.price !== null && (
        <TextField
          label={t('ticket.price')}
          value={price}
          error={text(wrongPrice)}
          inputMode="decimal"
          autoComplete="off"
          data-testid="order-amend-price"
          onChange={(event) => setPrice(event.target.value)}
        />
      )}
      <TextField
        label={t('ticket.quantity')}
        hint={t('orders.amendHint')}
        value={quantity}
        error={text(wrongShares)}
        inputMode="numeric"
        autoComplete="off"
        data-testid="order-amend-quantity"
        onChange={(event) => setQuantity(event.target.value)}
      />
    </ConfirmDialog>
  );
}
