import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { ApiError } from '../../api/errors';
import { usePlaceOrder } from '../../api/queries/trading';
import type { Account, OrderRequest, TicketPreview } from '../../api/types';
import { SideBadge } from '../../components/ui/badge';
import { Button, ButtonLink } from '../../components/ui/button';
import { Facts } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { EnvironmentNote } from '../../components/ui/environment';
import { Note } from '../../components/ui/feedback';
import { CheckField } from '../../components/ui/field';
import { InstrumentName } from '../../components/ui/instrument';
import { useToast } from '../../components/ui/toast';
import { Money, Price, Shares } from '../../components/ui/value';
import { sign } from '../../lib/decimal';
import type { Currency } from '../../lib/format';
import type { RequestKey } from '../../lib/requestKey';

/** The last look before an order leaves: where it goes, what it is, what it costs. */
export function ConfirmOrder({
  account,
  request,
  preview,
  requestKey,
  onClose,
}: {
  account: Account;
  request: OrderRequest;
  preview: TicketPreview;
  requestKey: RequestKey;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const toast = useToast();
  const place = usePlaceOrder();
  const [agreed, setAgreed] = useState(false);
  const live = preview.environment === 'live' || account.environment === 'live';
  const currency = preview.currency as Currency;
  const side = preview.side;
  const reused = place.error instanceof ApiError && place.error.code === 'idempotency_key_reused';
  // Without limit and last price nobody knows what it is worth.
  const amount = (value: string) => <Money value={sign(preview.worth) === 0 ? null : value} currency={currency} />;
  const send = () => {
    if (place.isPending) return;
    place.mutate(
      { request, key: requestKey.key },
      {
        onSuccess: (order) => {
          requestKey.renew();
          toast({ text: t(`ticket.placed_${side}`, { symbol: order.symbol }), tone: 'ok', testId: 'order-placed' });
          void navigate(`/orders/${order.id}`);
        },
        onError: (error) => requestKey.failed(error),
      },
    );
  };
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('ticket.confirmTitle')}
      confirmLabel={t(`ticket.send_${side}`)}
      ready={!live || agreed}
      busy={place.isPending}
      error={place.error}
      tone={live ? 'danger' : 'primary'}
      testId="ticket-confirm"
      onConfirm={send}
    >
      <EnvironmentNote environment={live ? 'live' : preview.environment} />
      <p className="flex flex-wrap items-center gap-2 text-lg font-bold" data-testid="ticket-summary">
        <SideBadge side={side} /> {preview.symbol} <InstrumentName market={preview.market} symbol={preview.symbol} />{' '}
        <Shares value={String(request.quantity)} unit />
      </p>
      <Facts
        items={[
          { label: t('ticket.account'), value: account.name },
          { label: t('ticket.kind'), value: t(`orderKind.${request.order_type ?? 'limit'}`) },
          ...(request.venue ? [{ label: t('ticket.venue'), value: t(`venue.${request.venue}`) }] : []),
          ...(request.price
            ? [{ label: t('ticket.price'), value: <Price value={String(request.price)} currency={currency} /> }]
            : []),
          ...(request.trigger_price
            ? [
                {
                  label: t('ticket.trigger'),
                  value: <Price value={String(request.trigger_price)} currency={currency} />,
                },
              ]
            : []),
          { label: t('ticket.worth'), value: amount(preview.worth) },
          { label: t('ticket.fee'), value: amount(preview.fee) },
        ]}
      />
      {live && (
        <CheckField
          label={<strong className="text-danger">{t('ticket.agreeLive')}</strong>}
          checked={agreed}
          data-testid="ticket-agree"
          onChange={(event) => setAgreed(event.target.checked)}
        />
      )}
      {requestKey.lost && !place.isPending && !reused && <Note>{t('ticket.lost')}</Note>}
      {reused && (
        <div className="flex flex-wrap gap-2">
          <ButtonLink to="/orders?tab=orders">{t('nav.orders')}</ButtonLink>
          <Button
            onClick={() => {
              requestKey.renew();
              onClose();
            }}
          >
            {t('ticket.startOver')}
          </Button>
        </div>
      )}
    </ConfirmDialog>
  );
}
