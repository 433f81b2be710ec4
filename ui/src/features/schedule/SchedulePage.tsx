import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useSchedule } from '../../api/queries/accounts';
import type { Account, ScheduleView } from '../../api/types';
import { WithBots } from '../../components/layout/paper';
import { Badge } from '../../components/ui/badge';
import { Card, PageHead } from '../../components/ui/card';
import { Empty, QueryView } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { useLocale } from '../../lib/locale';
import { writePreference } from '../../lib/storage';
import { clock, dayWithWeekday, KST, NEW_YORK } from '../../lib/time';
import { RunList } from './RunList';
import { ScheduleForm } from './ScheduleForm';
import { ScheduleTable } from './SeasonTable';

export function SchedulePage() {
  const { t } = useTranslation();
  return (
    <WithBots title={t('nav.schedule')}>{(account) => <ScheduleOf key={account.id} account={account} />}</WithBots>
  );
}

function ScheduleOf({ account }: { account: Account }) {
  const { t } = useTranslation();
  const query = useSchedule(account.id);
  useEffect(() => {
    writePreference(`seen.schedule.${account.id}`, 'yes');
  }, [account.id]);
  return (
    <>
      <PageHead title={t('nav.schedule')} sub={account.name} />
      <div className="space-y-4">
        <QueryView query={query}>
          {(view) => (
            <div className="space-y-4">
              <div className="grid items-start gap-4 lg:grid-cols-2">
                <ScheduleForm account={account} view={view} />
                <Card title={t('schedule.effective')}>
                  <ScheduleTable seasons={view.seasons} />
                  <p className="text-muted mt-2 text-xs">{t('schedule.seasonNote')}</p>
                  <ClockOffset milliseconds={view.clock_offset_ms ?? null} />
                </Card>
              </div>
              <Upcoming view={view} />
            </div>
          )}
        </QueryView>
        <RunList account={account.id} />
      </div>
    </>
  );
}

/** How far this server's clock is from the broker's; nothing before the broker has told its time. */
function ClockOffset({ milliseconds }: { milliseconds: number | null }) {
  const { t } = useTranslation();
  if (milliseconds === null) return null;
  const seconds = Math.abs(Math.round(milliseconds / 1000));
  const key = seconds === 0 ? 'same' : milliseconds > 0 ? 'ahead' : 'behind';
  return (
    <p className="text-muted mt-1 text-xs" data-testid="clock-offset">
      {t(`schedule.clock.${key}`, { seconds })}
    </p>
  );
}

function Upcoming({ view }: { view: ScheduleView }) {
  const { t, i18n } = useTranslation();
  const locale = useLocale();
  if (view.upcoming.length === 0) return <Empty title={t('schedule.noUpcoming')} />;
  const both = (at: string) => (
    <span className="num">
      {clock(at)} <span className="text-muted text-xs">({clock(at, NEW_YORK)})</span>
    </span>
  );
  return (
    <Card title={t('schedule.upcoming')}>
      <p className="text-muted -mt-2 mb-2 text-xs">{t('schedule.upcomingText')}</p>
      <DataTable
        label={t('schedule.upcoming')}
        rows={view.upcoming}
        rowKey={(row) => row.session}
        rowTestId="upcoming-row"
        columns={[
          {
            id: 'session',
            header: t('preview.session'),
            lead: true,
            cell: (row) => (
              <span className="inline-flex flex-wrap items-center gap-1">
                <strong className="num">{dayWithWeekday(row.session, locale)}</strong>
                {row.early && <Badge tone="amber">{t('schedule.early')}</Badge>}
                {[...new Set(row.moved.map((move) => (typeof move === 'string' ? move : move.reason)))].map((code) => (
                  <Badge key={code} tone="amber" testId="moved">
                    {i18n.exists(`moved.${code}`) ? t(`moved.${code}`) : code}
                  </Badge>
                ))}
              </span>
            ),
          },
          {
            id: 'hours',
            header: t('schedule.hours'),
            cell: (row) => <span className="num">{`${clock(row.open, KST)} – ${clock(row.close, KST)}`}</span>,
          },
          { id: 'decision', header: t('schedule.decision'), cell: (row) => both(row.decision) },
          {
            id: 'slices',
            wide: true,
            header: t('schedule.slices'),
            cell: (row) => (
              <span className="num whitespace-normal">{row.slices.map((at) => clock(at)).join(' · ')}</span>
            ),
          },
          { id: 'closing', header: t('schedule.closing_buy'), cell: (row) => both(row.closing_buy) },
          { id: 'message', header: t('schedule.message'), cell: (row) => both(row.message) },
        ]}
      />
    </Card>
  );
}
