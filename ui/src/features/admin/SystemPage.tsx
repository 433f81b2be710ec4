import { useTranslation } from 'react-i18next';
import { useAdminSystem } from '../../api/queries/admin';
import { useExpiries } from '../../api/queries/observation';
import { useSession } from '../../api/session';
import type { AdminSystem } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { ButtonLink } from '../../components/ui/button';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { ExpiryTable } from '../../components/ui/expiries';
import { Empty, Foreign, Note, QueryView } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { Count, Missing, Percent, When } from '../../components/ui/value';
import { bytes } from '../../lib/format';
import { MetricsCard } from './MetricsCard';
import { OpenAlerts } from './OpenAlerts';
import { OutpostsCard } from './OutpostsCard';

/** How the server itself fares. */
export function SystemPage() {
  const { t } = useTranslation();
  const { user } = useSession();
  return user?.role === 'admin' ? <SystemView /> : <Empty title={t('errors.forbidden')} page />;
}

export function SystemView() {
  const { t } = useTranslation();
  const query = useAdminSystem();
  return (
    <>
      <PageHead title={t('system.title')} sub={t('system.sub')}>
        <ButtonLink to="/admin/logs">{t('logs.title')}</ButtonLink>
        <ButtonLink to="/admin">{t('nav.admin')}</ButtonLink>
      </PageHead>
      <div className="space-y-4">
        <QueryView query={query} rows={5}>
          {(data) => (
            <div className="grid items-start gap-4 lg:grid-cols-2">
              <div className="min-w-0 space-y-4">
                <OpenAlerts alerts={data.alerts} />
                <State data={data} />
                <Slots slots={data.slots} />
              </div>
              <div className="min-w-0 space-y-4">
                <Hosts hosts={data.hosts} />
                <Backup backup={data.backup} />
                <Jobs data={data} />
              </div>
            </div>
          )}
        </QueryView>
        <Expiries />
        <div className="grid items-start gap-4 lg:grid-cols-2">
          <OutpostsCard />
          <MetricsCard />
        </div>
      </div>
    </>
  );
}

function State({ data }: { data: AdminSystem }) {
  const { t } = useTranslation();
  const used = data.disk_bytes && data.disk_free_bytes ? 1 - data.disk_free_bytes / data.disk_bytes : null;
  return (
    <Card title={t('system.state')} testId="system-state">
      {data.problem && (
        <div className="mb-3">
          <Note tone="error">
            {t('system.notReady')}
            <Foreign text={data.problem} />
          </Note>
        </div>
      )}
      <Facts
        items={[
          { label: t('admin.version'), value: data.version },
          { label: t('admin.uptime'), value: <Uptime seconds={data.uptime_s} /> },
          { label: t('system.startedAt'), value: <When at={data.started_at} long /> },
          { label: t('system.clock'), value: <ClockAhead ms={data.clock_ahead_ms} /> },
          { label: t('admin.memory'), value: bytes(data.memory_bytes) ?? <Missing /> },
          { label: t('admin.store'), value: bytes(data.store_bytes) ?? <Missing /> },
          {
            label: t('admin.disk'),
            value: (
              <>
                {bytes(data.disk_free_bytes) ?? <Missing />}
                {used !== null && (
                  <span className="text-muted block text-xs font-normal">
                    {t('system.used')} <Percent value={used} places={0} />
                  </span>
                )}
              </>
            ),
          },
          { label: t('system.files'), value: <Count value={data.open_files} /> },
          { label: t('admin.users'), value: <Count value={data.users} /> },
          { label: t('admin.accounts'), value: <Count value={data.accounts} /> },
        ]}
      />
    </Card>
  );
}

/** Hosts tell whole seconds: what is closer than that is right. */
function ClockAhead({ ms }: { ms: number | null | undefined }) {
  const { t } = useTranslation();
  if (ms === null || ms === undefined) return <span className="text-muted">{t('system.clockUnknown')}</span>;
  if (Math.abs(ms) <= 1200) return t('system.clockRight');
  const seconds = (Math.abs(ms) / 1000).toFixed(1);
  return <span className="text-danger">{t(ms > 0 ? 'system.clockFast' : 'system.clockSlow', { seconds })}</span>;
}

function Slots({ slots }: { slots: AdminSystem['slots'] }) {
  const { t } = useTranslation();
  if (!slots?.session) {
    return (
      <Card title={t('system.slots')}>
        <Empty title={t('system.noSession')} />
      </Card>
    );
  }
  const facts = (['done', 'running', 'waiting', 'missed', 'failed'] as const).map((state) => ({
    label: t(`system.slot.${state}`),
    value: <Count value={slots[state]} />,
  }));
  return (
    <Card title={t('system.slotsOf', { session: slots.session })} testId="system-slots">
      <Facts
        columns={3}
        items={[...facts, { label: t('system.lag'), value: t('system.seconds', { seconds: slots.longest_lag_s }) }]}
      />
      {slots.lost.length > 0 && (
        <div className="mt-3">
          <Note tone="warning">
            {slots.lost.map((lost) => `${t(`job.${lost.job}`)} ${lost.slots}`).join(', ')} {t('system.lostText')}
          </Note>
        </div>
      )}
      <h3 className="mt-4 mb-1 text-sm font-semibold">{t('system.next')}</h3>
      {slots.next.length === 0 ? (
        <p className="text-muted text-sm">{t('system.nextNone')}</p>
      ) : (
        <ul className="divide-line divide-y text-sm">
          {slots.next.map((slot) => (
            <li key={`${slot.at} ${slot.job}`} className="flex flex-wrap justify-between gap-2 py-1">
              <span>
                <When at={slot.at} /> {t(`job.${slot.job}`)}
              </span>
              <span className="text-muted">{t('system.ofAccounts', { accounts: slot.accounts })}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Hosts({ hosts }: { hosts: AdminSystem['hosts'] }) {
  const { t } = useTranslation();
  const state = (host: AdminSystem['hosts'][number]) =>
    host.failing_since ? 'failing' : host.last_success ? 'answers' : 'unused';
  const tone = { failing: 'red', answers: 'green', unused: 'grey' } as const;
  return (
    <Card title={t('system.hosts')} testId="system-hosts">
      <DataTable
        label={t('system.hosts')}
        rows={hosts}
        rowKey={(host) => host.name}
        rowTestId="host-row"
        columns={[
          {
            id: 'name',
            header: t('system.host'),
            lead: true,
            cell: (host) => (
              <>
                {t(`hostName.${host.name}`)}{' '}
                <Badge tone={tone[state(host)]}>{t(`system.hostState.${state(host)}`)}</Badge>
              </>
            ),
          },
          { id: 'success', header: t('system.lastSuccess'), cell: (host) => <When at={host.last_success} /> },
          { id: 'failure', header: t('system.lastFailure'), cell: (host) => <When at={host.last_failure} /> },
          {
            id: 'calls',
            header: t('system.calls'),
            cell: (host) => (
              <>
                <Count value={host.answered} /> / <Count value={host.failed} />
              </>
            ),
          },
          {
            id: 'waiting',
            header: t('system.waiting'),
            cell: (host) => <Count value={host.waiting + host.under_way} />,
          },
        ]}
      />
    </Card>
  );
}

function Backup({ backup }: { backup: AdminSystem['backup'] }) {
  const { t } = useTranslation();
  return (
    <Card title={t('system.backup')} testId="system-backup">
      {backup ? (
        <>
          {backup.problem && (
            <div className="mb-3">
              <Note tone="error">
                {t('system.backupFailed')}
                <Foreign text={backup.problem} />
              </Note>
            </div>
          )}
          <Facts
            items={[
              { label: t('system.lastBackup'), value: <When at={backup.last_backup_at} long /> },
              {
                label: t('system.lastDrill'),
                value: (
                  <>
                    <When at={backup.last_drill_at} long />{' '}
                    {typeof backup.drill_ok === 'boolean' && (
                      <Badge tone={backup.drill_ok ? 'green' : 'red'}>
                        {t(backup.drill_ok ? 'system.drillOk' : 'system.drillBad')}
                      </Badge>
                    )}
                  </>
                ),
              },
            ]}
          />
        </>
      ) : (
        <p className="text-muted text-sm">{t('system.noBackup')}</p>
      )}
    </Card>
  );
}

function Jobs({ data }: { data: AdminSystem }) {
  const { t } = useTranslation();
  return (
    <Card title={t('system.jobs')} testId="system-jobs">
      <Facts
        items={[
          { label: t('system.outbox'), value: <Count value={data.outbox} /> },
          { label: t('system.transfers'), value: <Count value={data.transfers} /> },
          { label: t('system.queue'), value: <Count value={data.store_queue} /> },
          { label: t('system.sockets'), value: <Count value={data.sockets} /> },
          { label: t('system.masters'), value: data.masters_day ?? <Missing /> },
          { label: t('system.lastTick'), value: <When at={data.last_tick} long /> },
        ]}
      />
    </Card>
  );
}

function Expiries() {
  const { t } = useTranslation();
  const query = useExpiries();
  return (
    <Card title={t('expiry.title')} testId="system-expiries">
      <p className="text-muted mb-3 text-sm">{t('expiry.text')}</p>
      <QueryView
        query={query}
        rows={2}
        isEmpty={(data) => data.items.length === 0}
        empty={<Empty title={t('expiry.none')} />}
      >
        {(data) => <ExpiryTable label={t('expiry.title')} rows={data.items} />}
      </QueryView>
    </Card>
  );
}

export function Uptime({ seconds }: { seconds: number }) {
  const { t } = useTranslation();
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return <span className="num">{t('admin.uptimeText', { days, hours, minutes })}</span>;
}
