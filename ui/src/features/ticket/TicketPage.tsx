import { type FormEvent, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { useTicketPreview } from '../../api/queries/trading';
import type { Account, OrderKind, Side, Venue } from '../../api/types';
import { useCurrentAccount, WithAccount } from '../../components/layout/account';
import { ModeBadge } from '../../components/ui/badge';
import { Button, ButtonLink } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { Note } from '../../components/ui/feedback';
import { Choice, SelectField, TextField } from '../../components/ui/field';
import { useRested } from '../../lib/debounce';
import { canonical } from '../../lib/decimal';
import { issueText } from '../../lib/forms';
import { useRequestKey } from '../../lib/requestKey';
import { ConfirmOrder } from './ConfirmOrder';
import { PreviewCard } from './PreviewCard';
import { SymbolSearch } from './SymbolSearch';
import { hasLimit, hasTrigger, readTicket, refusalOf, type TicketField, type TicketText } from './ticket';

export function TicketPage() {
  const { accounts, choose } = useCurrentAccount();
  const [search] = useSearchParams();
  // A link may name the account. The ticket is always about the one in the header, so that the two never differ.
  const named = search.get('account');
  const known = accounts.some((item) => item.id === named);
  useEffect(() => {
    if (named && known) choose(named);
  }, [named, known, choose]);
  // Another link to the ticket is another order.
  return <WithAccount>{(current) => <Ticket key={search.toString()} account={current} />}</WithAccount>;
}

function Ticket({ account }: { account: Account }) {
  const { t } = useTranslation();
  const { accounts, choose } = useCurrentAccount();
  const [search] = useSearchParams();
  const requestKey = useRequestKey();
  const [text, setText] = useState<TicketText>(() => ({
    symbol: search.get('symbol') ?? '',
    side: search.get('side') === 'sell' ? 'sell' : 'buy',
    kind: 'limit',
    quantity: search.get('quantity') ?? '',
    price: '',
    trigger: '',
    venue: 'KRX',
  }));
  const [tried, setTried] = useState(false);
  const [asking, setAsking] = useState(false);
  const set = (change: Partial<TicketText>) => setText((now) => ({ ...now, ...change }));

  const read = readTicket(text, account.id);
  const rested = useRested(read);
  const preview = useTicketPreview(rested.request);
  const settled = JSON.stringify(rested) === JSON.stringify(read) && !preview.isPlaceholderData;
  const kinds = offered(preview.data?.order_types, text.kind);
  const ready =
    read.complete && settled && !preview.error && preview.data !== undefined && refusalOf(preview.data, true) === null;
  const last = preview.data?.last_price;
  const venues = preview.data?.market === 'KRX' ? preview.data.venues : [];
  // Another account or another instrument may know other venues.
  const place = `${account.id} ${text.symbol}`;
  const [placed, setPlaced] = useState(place);
  if (placed !== place) {
    setPlaced(place);
    set({ venue: 'KRX' });
  }

  const error = (field: TicketField) =>
    // What is empty is no mistake before somebody tried to go on.
    tried || read.errors[field] !== 'form.required' ? issueText(t, read.errors[field]) : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (ready) setAsking(true);
  };
  return (
    <>
      <PageHead title={t('nav.ticket')} sub={<ModeBadge account={account} />}>
        <ButtonLink to="/orders?tab=orders">{t('nav.orders')}</ButtonLink>
      </PageHead>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card>
          <form id="ticket" onSubmit={submit} noValidate className="space-y-4" data-testid="ticket-form">
            {account.halted && <Note tone="error">{t('errors.halted')}</Note>}
            {accounts.length > 1 && (
              <SelectField
                label={t('ticket.account')}
                value={account.id}
                data-testid="ticket-account"
                onChange={(event) => choose(event.target.value)}
              >
                {accounts.map((item) => (
                  <option key={item.id} value={item.id}>
                    {`${item.name} · ${t(`environment.${item.environment}`)}`}
                  </option>
                ))}
              </SelectField>
            )}
            <TextField
              label={t('common.symbol')}
              hint={t('ticket.symbolHint')}
              value={text.symbol}
              error={error('symbol')}
              maxLength={40}
              autoComplete="off"
              spellCheck={false}
              data-testid="ticket-symbol"
              onChange={(event) => set({ symbol: event.target.value })}
            />
            <SymbolSearch text={text.symbol} onPick={(symbol) => set({ symbol })} />
            <Choice<Side>
              label={t('ticket.side')}
              value={text.side}
              onChange={(side) => set({ side })}
              options={[
                { value: 'buy', label: t('side.buy'), testId: 'ticket-buy' },
                { value: 'sell', label: t('side.sell'), testId: 'ticket-sell' },
              ]}
            />
            <SelectField
              label={t('ticket.kind')}
              hint={t(`orderKindText.${text.kind}`)}
              value={text.kind}
              data-testid="ticket-kind"
              onChange={(event) => set({ kind: event.target.value as OrderKind })}
            >
              {kinds.map((kind) => (
                <option key={kind} value={kind}>
                  {t(`orderKind.${kind}`)}
                </option>
              ))}
            </SelectField>
            {venues.length > 1 && (
              <div data-testid="ticket-venue">
                <Choice<Venue>
                  label={t('ticket.venue')}
                  value={text.venue}
                  onChange={(venue) => set({ venue, kind: 'limit' })}
                  options={venues.map((venue) => ({
                    value: venue,
                    label: t(`venue.${venue}`),
                    testId: `ticket-venue-${venue}`,
                  }))}
                />
                <p className="text-muted mt-1 text-xs">{t(`venueText.${text.venue}`)}</p>
              </div>
            )}
            <div className="grid grid-cols-2 gap-3">
              <TextField
                label={t('ticket.quantity')}
                value={text.quantity}
                error={error('quantity')}
                inputMode="numeric"
                autoComplete="off"
                data-testid="ticket-quantity"
                onChange={(event) => set({ quantity: event.target.value })}
              />
              {hasLimit(text.kind) && (
                <div>
                  <TextField
                    label={t('ticket.price')}
                    value={text.price}
                    error={error('price')}
                    inputMode="decimal"
                    autoComplete="off"
                    data-testid="ticket-price"
                    onChange={(event) => set({ price: event.target.value })}
                  />
                  {last && (
                    <button
                      type="button"
                      className="mt-1 min-h-6 text-xs font-semibold underline"
                      onClick={() => set({ price: canonical(last) })}
                    >
                      {t('ticket.useLast')}
                    </button>
                  )}
                </div>
              )}
              {hasTrigger(text.kind) && (
                <TextField
                  label={t('ticket.trigger')}
                  value={text.trigger}
                  error={error('trigger')}
                  inputMode="decimal"
                  autoComplete="off"
                  data-testid="ticket-trigger"
                  onChange={(event) => set({ trigger: event.target.value })}
                />
              )}
            </div>
          </form>
        </Card>
        <div className="min-w-0 space-y-4">
          <PreviewCard query={preview} complete={rested.complete} price={rested.request?.price?.toString() ?? null} />
          <Button
            type="submit"
            form="ticket"
            tone={text.side === 'buy' ? 'buy' : 'sell'}
            className="w-full aria-disabled:opacity-50"
            aria-disabled={!ready}
            data-testid="ticket-review"
          >
            {t(`ticket.review_${text.side}`)}
          </Button>
        </div>
      </div>
      {asking && preview.data && read.request && (
        <ConfirmOrder
          account={account}
          request={read.request}
          preview={preview.data}
          requestKey={requestKey}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}

/** What the account's broker takes, with the kind that is chosen: the refusal says if it is not offered. */
function offered(kinds: OrderKind[] | undefined, chosen: OrderKind): OrderKind[] {
  const known = kinds && kinds.length > 0 ? kinds : (['limit'] as OrderKind[]);
  return known.includes(chosen) ? known : [...known, chosen];
}
