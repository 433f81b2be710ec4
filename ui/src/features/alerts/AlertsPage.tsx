import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useAlerts, useReadAlerts } from '../../api/queries/overview';
import type { AlertItem } from '../../api/types';
import { useCurrentAccount } from '../../components/layout/account';
import { Badge, type BadgeTone } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { PageHead } from '../../components/ui/card';
import { Empty, ErrorNote, QueryView } from '../../components/ui/feedback';
import { Choice } from '../../components/ui/field';
import { Icon } from '../../components/ui/icon';
import { When } from '../../components/ui/value';
import { answerPlace } from '../../lib/alertPlace';
import { useLocale } from '../../lib/locale';
import { coverAmounts, useAmountsHidden } from '../../lib/privacy';

const tones: Record<AlertItem['level'], BadgeTone> = { info: 'grey', warning: 'amber', error: 'red' };

export function AlertsPage() {
  const { t } = useTranslation();
  const locale = useLocale();
  const hidden = useAmountsHidden();
  const cover = (text: string) => (hidden ? coverAmounts(text) : text);
  const { accounts } = useCurrentAccount();
  const [steps, setSteps] = useState(false);
  const query = useAlerts(steps);
  const read = useReadAlerts();
  const unread = query.data?.pages[0]?.unread ?? 0;
  return (
    <>
      <PageHead title={t('nav.alerts')} sub={t('alerts.unread', { count: unread })}>
        <Button
          disabled={unread === 0}
          busy={read.isPending}
          onClick={() => read.mutate({ all: true })}
          data-testid="alerts-read-all"
        >
          {t('alerts.readAll')}
        </Button>
      </PageHead>
      <div className="mb-3">
        <Choice<'news' | 'all'>
          label={t('alerts.shown')}
          hideLabel
          value={steps ? 'all' : 'news'}
          onChange={(value) => setSteps(value === 'all')}
          options={[
            { value: 'news', label: t('alerts.news'), testId: 'alerts-news' },
            { value: 'all', label: t('alerts.all'), testId: 'alerts-all' },
          ]}
        />
        {!steps && <p className="text-muted mt-1 text-xs">{t('alerts.newsText')}</p>}
      </div>
      {read.error && <ErrorNote error={read.error} />}
      <QueryView
        query={query}
        isEmpty={(data) => data.pages.every((page) => page.items.length === 0)}
        empty={<Empty title={t('alerts.none')}>{t('alerts.noneText')}</Empty>}
      >
        {(data) => (
          <>
            <ul className="space-y-2">
              {data.pages
                .flatMap((page) => page.items)
                .map((alert) => (
                  <li
                    key={alert.id}
                    data-testid="alert-row"
                    data-read={alert.read}
                    className={`bg-surface border-line rounded-xl border p-3 text-sm ${alert.read ? '' : 'border-l-accent border-l-4'}`}
                  >
                    <div className="mb-1 flex items-center gap-2">
                      <Badge tone={tones[alert.level]}>{t(`alertLevel.${alert.level}`)}</Badge>
                      <span className="text-muted text-xs">
                        <When at={alert.at} />{' '}
                        {alert.account_id && accounts.find((account) => account.id === alert.account_id)?.name}
                      </span>
                      {!alert.read && (
                        <Button
                          tone="quiet"
                          className="-my-1 ml-auto min-h-9 px-2 py-0"
                          aria-label={t('alerts.markRead')}
                          title={t('alerts.markRead')}
                          onClick={() => read.mutate({ ids: [alert.id] })}
                        >
                          <Icon name="check" />
                        </Button>
                      )}
                    </div>
                    <p className={`whitespace-pre-line ${alert.read ? 'text-muted' : ''}`}>
                      {cover(alert.text[locale] || alert.text.ko)}
                    </p>
                    <Answer alert={alert} />
                  </li>
                ))}
            </ul>
            {query.hasNextPage && (
              <div className="mt-3 text-center">
                <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                  {t('common.more')}
                </Button>
              </div>
            )}
          </>
        )}
      </QueryView>
    </>
  );
}

/** The way to the question behind a message. */
function Answer({ alert }: { alert: AlertItem }) {
  const { t } = useTranslation();
  const place = answerPlace(alert);
  if (!place) return null;
  return (
    <Link to={place} className="font-semibold underline" data-testid="alert-answer">
      {t('difference.answerNow')}
    </Link>
  );
}
