import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useConnection } from '../../api/queries/connection';
import { keys } from '../../api/queries/keys';
import type { Connection } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { QueryView } from '../../components/ui/feedback';
import { Missing } from '../../components/ui/value';
import { concernsOf, type Live, offered, tryLive, wayOf } from './facts';

/** Which way the visitor has come, what it protects and what it lacks. */
export function ConnectionPage() {
  const { t } = useTranslation();
  const query = useConnection();
  const live = useQuery({ queryKey: keys.live, queryFn: tryLive, gcTime: 0 });
  const again = () => {
    void query.refetch();
    void live.refetch();
  };
  return (
    <>
      <PageHead title={t('connection.title')} sub={t('connection.sub')}>
        <Button busy={live.isFetching} onClick={again} data-testid="connection-again">
          {t('connection.again')}
        </Button>
      </PageHead>
      <QueryView query={query} rows={4}>
        {(connection) => <Found connection={connection} live={live.isFetching ? undefined : live.data} />}
      </QueryView>
    </>
  );
}

function Found({ connection, live }: { connection: Connection; live: Live | undefined }) {
  const { t } = useTranslation();
  const tls = location.protocol === 'https:';
  const way = wayOf(connection, tls);
  const concerns = concernsOf(connection, tls);
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Card title={t('connection.way.title')} testId="connection-way">
        <p className="mb-3 text-sm" data-testid="connection-kind" data-way={way}>
          {t(`connection.way.${way}`)}
        </p>
        <Facts
          items={[
            { label: t('connection.address'), value: connection.address ?? <Missing /> },
            {
              label: t('connection.page'),
              value: <span className="break-all">{`${location.origin}${location.pathname}`}</span>,
            },
            { label: t('connection.live.title'), value: <LiveBadge live={live} /> },
            {
              label: t('connection.cookie'),
              value: t(connection.over_tls ? 'connection.cookieTls' : 'connection.cookiePlain'),
            },
          ]}
        />
      </Card>
      {live === 'blocked' && (
        <Card title={t('connection.live.blockedTitle')} testId="connection-blocked">
          <p className="text-sm">{t('connection.live.blockedText')}</p>
          <ol className="mt-2 list-decimal space-y-1 pl-5 text-sm">
            {[1, 2, 3, 4].map((step) => (
              <li key={step}>{t(`connection.live.step${step}`)}</li>
            ))}
          </ol>
        </Card>
      )}
      <Card title={t('connection.guard.title')} testId="connection-guard">
        <ul className="list-disc space-y-1.5 pl-5 text-sm">
          {tls && connection.over_tls && <li>{t('connection.guard.tls')}</li>}
          {concerns.map((concern) => (
            <li key={concern} className="text-warn" data-concern={concern}>
              {t(`connection.guard.${concern}`, { proxy: connection.unknown_proxy })}
            </li>
          ))}
          <li>{t('connection.guard.root')}</li>
        </ul>
      </Card>
      <Card title={t('connection.browser.title')} testId="connection-browser">
        <ul className="space-y-1.5 text-sm">
          {offered().map(({ name, here }) => (
            <li key={name} className="flex items-start justify-between gap-3">
              <span>{t(`connection.browser.${name}`)}</span>
              <Badge tone={here ? 'green' : 'amber'} testId={`browser-${name}`}>
                {t(here ? 'connection.browser.here' : 'connection.browser.withheld')}
              </Badge>
            </li>
          ))}
        </ul>
        {!window.isSecureContext && <p className="text-muted mt-3 text-sm">{t('connection.browser.plain')}</p>}
      </Card>
      <Card title={t('connection.ways.title')} className="lg:col-span-2">
        <ul className="list-disc space-y-1.5 pl-5 text-sm">
          <li>{t('connection.ways.lan')}</li>
          <li>{t('connection.ways.tls')}</li>
          <li>{t('connection.ways.port')}</li>
        </ul>
      </Card>
    </div>
  );
}

function LiveBadge({ live }: { live: Live | undefined }) {
  const { t } = useTranslation();
  const tone = live === undefined ? 'grey' : live === 'works' ? 'green' : 'amber';
  return (
    <Badge tone={tone} testId="connection-live">
      {t(`connection.live.${live ?? 'trying'}`)}
    </Badge>
  );
}
