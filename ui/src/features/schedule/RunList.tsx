import { useTranslation } from 'react-i18next';
import { useRuns } from '../../api/queries/accounts';
import type { Run } from '../../api/types';
import { Badge, type BadgeTone } from '../../components/ui/badge';
import { Card } from '../../components/ui/card';
import { Empty, Foreign, Note, QueryView } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { Missing, When } from '../../components/ui/value';
import { runDetail } from './runDetail';

const tones: Record<Run['state'], BadgeTone> = { done: 'green', running: 'amber', failed: 'red', missed: 'red' };

/** What ran and what did not; a missed or failed slot stands out. */
export function RunList({ account }: { account: string }) {
  const { t } = useTranslation();
  const query = useRuns(account);
  return (
    <Card title={t('runs.title')}>
      <QueryView
        query={query}
        isEmpty={(data) => data.items.length === 0}
        empty={<Empty title={t('runs.none')}>{t('runs.noneText')}</Empty>}
      >
        {(data) => {
          const bad = data.items.filter((run) => run.state === 'failed' || run.state === 'missed').length;
          return (
            <>
              {bad > 0 && (
                <div className="mb-3">
                  <Note tone="warning">{t('runs.bad', { count: bad })}</Note>
                </div>
              )}
              <DataTable
                label={t('runs.title')}
                rows={data.items}
                rowKey={(run) => run.slot}
                rowTestId="run-row"
                columns={[
                  {
                    id: 'job',
                    header: t('runs.job'),
                    lead: true,
                    cell: (run) => (
                      <>
                        {t(`job.${run.job}`)}
                        {run.job === 'slice' && run.n > 0 && <span className="num"> {run.n}</span>}{' '}
                        <span className="text-muted num">{run.session}</span>
                      </>
                    ),
                  },
                  {
                    id: 'state',
                    header: t('orders.state'),
                    cell: (run) => <Badge tone={tones[run.state]}>{t(`runState.${run.state}`)}</Badge>,
                  },
                  { id: 'due', header: t('runs.due'), cell: (run) => <When at={run.due_at} /> },
                  { id: 'finished', header: t('runs.finished'), cell: (run) => <When at={run.finished_at} /> },
                  { id: 'detail', wide: true, header: t('runs.detail'), cell: (run) => <Remark text={run.detail} /> },
                ]}
              />
            </>
          );
        }}
      </QueryView>
    </Card>
  );
}

/** What the server remarked, translated when it is one of its fixed sentences. */
function Remark({ text }: { text: string }) {
  const { t, i18n } = useTranslation();
  if (!text) return <Missing />;
  const { key, count } = runDetail(text);
  return i18n.exists(`runDetail.${key}`) ? t(`runDetail.${key}`, { count }) : <Foreign text={text} />;
}
