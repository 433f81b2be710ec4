import type { UseQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { TicketPreview } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Card, Facts } from '../../components/ui/card';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { Refusal } from '../../components/ui/refusal';
import { Age, Missing, Money, Price, Shares, When } from '../../components/ui/value';
import { sign } from '../../lib/decimal';
import type { Currency } from '../../lib/format';
import { choiceOf, mostShares, refusalOf } from './ticket';

/** What the order would come to, as the server sees it now. */
export function PreviewCard({
  query,
  complete,
  price,
}: {
  query: Pick<UseQueryResult<TicketPreview>, 'data' | 'error' | 'isFetching' | 'isPlaceholderData'>;
  complete: boolean;
  /** The limit that is typed in. */
  price: string | null;
}) {
  const { t } = useTranslation();
  const { data, error } = query;
  const refusal = query.isPlaceholderData ? null : refusalOf(data, complete);
  const currency = data?.currency as Currency | undefined;
  // Without limit and last price nobody knows what it is worth.
  const priced = complete && data !== undefined && sign(data.worth) !== 0;
  return (
    <Card title={t('ticket.preview')} testId="ticket-preview">
      {error ? (
        <ErrorNote error={error} />
      ) : !data ? (
        <p className="text-muted text-sm">{t('ticket.previewEmpty')}</p>
      ) : (
        <div className={query.isPlaceholderData ? 'opacity-60' : ''}>
          <Facts
            items={[
              {
                label: t('ticket.lastPrice'),
                value: (
                  <>
                    <Price value={data.last_price} currency={currency} />
                    {data.last_price_at && (
                      <span className="text-muted block text-xs font-normal">
                        <Age at={data.last_price_at} />
                      </span>
                    )}
                  </>
                ),
              },
              {
                label: t('ticket.session'),
                value: (
                  <>
                    <span className="num">{data.session}</span>{' '}
                    <Badge tone={data.session_open ? 'green' : 'grey'}>
                      {t(data.session_open ? 'ticket.open' : 'ticket.closed')}
                    </Badge>
                  </>
                ),
              },
              {
                label: t('ticket.worth'),
                value: priced ? <Money value={data.worth} currency={currency} /> : <Missing />,
              },
              {
                label: t('ticket.fee'),
                value: priced ? <Money value={data.fee} currency={currency} /> : <Missing />,
              },
              {
                label: t('ticket.tax'),
                value: priced ? <Money value={data.tax} currency={currency} /> : <Missing />,
              },
              ...(data.side === 'buy'
                ? [
                    {
                      label: t('ticket.power'),
                      value: (
                        <>
                          <Money value={data.buying_power} currency={currency} />
                          {data.buying_power_basis && (
                            <span className="text-muted block text-xs font-normal" data-testid="power-basis">
                              {t(`powerBasis.${data.buying_power_basis}`)}
                              {data.market === 'US' && ` · ${t(`powerChoice.${choiceOf(data)}`)}`}
                            </span>
                          )}
                          {data.buying_power_other !== null && (
                            <span className="text-muted block text-xs font-normal" data-testid="power-other">
                              {t(`powerOther.${data.buying_power_basis}`)}{' '}
                              <Money value={data.buying_power_other} currency={currency} />
                            </span>
                          )}
                        </>
                      ),
                    },
                    ...(mostShares(data, price) === null
                      ? []
                      : [
                          {
                            label: t('ticket.most'),
                            value: (
                              <>
                                <Shares value={mostShares(data, price)} unit />
                                <span className="text-muted block text-xs font-normal" data-testid="ticket-most">
                                  {t(price ? 'ticket.mostAtPrice' : 'ticket.mostAtLast')}
                                </span>
                              </>
                            ),
                          },
                        ]),
                  ]
                : []),
            ]}
          />
          {data.environment !== 'own' && !data.session_open && (
            <div className="mt-3">
              <Note testId="ticket-closed">
                {t('ticket.closedText')} <When at={data.opens_at} long /> – <When at={data.closes_at} long />
              </Note>
            </div>
          )}
          {data.environment === 'own' && data.last_price === null && (
            <div className="mt-3">
              <Note>{t('ticket.noPriceOwn')}</Note>
            </div>
          )}
          {data.environment === 'own' && data.last_price !== null && !data.session_open && (
            <div className="mt-3">
              <Note>{t('ticket.waitsOwn')}</Note>
            </div>
          )}
        </div>
      )}
      <div aria-live="polite">
        {refusal && !error && (
          <div className="mt-3">
            <Note tone="warning" testId="ticket-refusal">
              <Refusal reason={refusal} currency={currency} />
            </Note>
          </div>
        )}
      </div>
    </Card>
  );
}
