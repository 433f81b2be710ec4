import { useTranslation } from 'react-i18next';
import { useBackUp, useBackups, useDrill } from '../../api/queries/backup';
import { useSession } from '../../api/session';
import type { BackupSet, Backups } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { Empty, ErrorNote, Foreign, Note, QueryView } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { Count, Missing, When } from '../../components/ui/value';
import { bytes } from '../../lib/format';
import { HoldCard } from './HoldCard';
import { PassphraseCard } from './PassphraseCard';
import { RecoveryKeyCard } from './RecoveryKeyCard';
import { SettingsCard } from './SettingsCard';

/** How the installation is backed up, and how it comes back. */
export function BackupPage() {
  const { t } = useTranslation();
  const { user } = useSession();
  const query = useBackups();
  if (user?.role !== 'admin') return <Empty page title={t('errors.forbidden')} />;
  return (
    <>
      <PageHead title={t('backup.title')} sub={t('backup.sub')} />
      <QueryView query={query} rows={6}>
        {(data) => (
          <div className="space-y-4">
            {data.hold && <HoldCard hold={data.hold} />}
            <StateCard data={data} />
            <RecoveryKeyCard state={data.recovery_key} />
            <PassphraseCard since={data.passphrase_since} />
            <DrillCard data={data} />
            <SettingsCard key={JSON.stringify(data.settings)} settings={data.settings} />
            <SetsCard sets={data.sets} />
          </div>
        )}
      </QueryView>
    </>
  );
}

/** A sentence for a code of the server, with the server's own words folded away. */
function Trouble({ title, code, detail }: { title?: string; code: string; detail: string }) {
  const { t, i18n } = useTranslation();
  const known = i18n.exists(`errors.${code}`) ? t(`errors.${code}`) : t('errors.unexpected');
  return (
    <Note tone="error" testId="backup-trouble">
      {title && <strong className="block">{title}</strong>}
      {known}
      <Foreign text={detail} />
    </Note>
  );
}

function StateCard({ data }: { data: Backups }) {
  const { t } = useTranslation();
  const run = useBackUp();
  const { last, failure, folder } = data;
  return (
    <Card
      title={t('backup.last')}
      testId="backup-state"
      actions={
        <Button
          tone="primary"
          busy={run.isPending || data.running}
          data-testid="backup-now"
          onClick={() => run.mutate(undefined)}
        >
          {t(data.running ? 'backup.running' : 'backup.now')}
        </Button>
      }
    >
      <div className="space-y-3">
        <Facts
          columns={4}
          items={[
            { label: t('backup.last'), value: last ? <When at={last.at} long /> : t('backup.never') },
            { label: t('backup.size'), value: bytes(last?.made.bytes) ?? <Missing /> },
            {
              label: t('backup.took'),
              value: last ? t('backup.seconds', { count: Math.ceil(last.took_ms / 1000) }) : <Missing />,
            },
            { label: t('backup.next'), value: data.next_at ? <When at={data.next_at} long /> : t('backup.off') },
          ]}
        />
        {failure && <Trouble title={t('backup.failed')} code={failure.code} detail={failure.detail} />}
        {run.error && <ErrorNote error={run.error} />}
        <div className="text-sm">
          <p className="text-muted text-xs">{t('backup.folder')}</p>
          <code className="break-all">{folder.path}</code>
          <p className="text-muted mt-1 text-xs">
            {t('backup.free')} {bytes(folder.free_bytes) ?? <Missing />} · {t('backup.folderHint')}
          </p>
        </div>
        {folder.problem && folder.problem.code !== failure?.code && (
          <Trouble code={folder.problem.code} detail={folder.problem.detail} />
        )}
      </div>
    </Card>
  );
}

function DrillCard({ data }: { data: Backups }) {
  const { t } = useTranslation();
  const run = useDrill();
  const { drill } = data;
  return (
    <Card
      title={t('backup.drill')}
      testId="backup-drill"
      actions={
        <Button
          busy={run.isPending || data.running}
          disabled={data.sets.length === 0}
          data-testid="drill-now"
          onClick={() => run.mutate(undefined)}
        >
          {t('backup.drillNow')}
        </Button>
      }
    >
      <div className="space-y-3">
        <p className="text-muted text-sm">{t('backup.drillText')}</p>
        {!drill && <p className="text-sm">{t('backup.drillNever')}</p>}
        {drill?.failure && (
          <Trouble title={t('backup.drillFailed')} code={drill.failure.code} detail={drill.failure.detail} />
        )}
        {drill && !drill.failure && (
          <>
            <Note tone="ok" testId="drill-ok">
              {t('backup.drillOk')}
            </Note>
            <Facts
              columns={3}
              items={[
                { label: t('backup.made'), value: <When at={drill.at} long /> },
                { label: t('backup.took'), value: t('backup.seconds', { count: Math.ceil(drill.took_ms / 1000) }) },
                { label: t('backup.drillRows'), value: <Count value={drill.rows} /> },
              ]}
            />
          </>
        )}
        {run.error && <ErrorNote error={run.error} />}
      </div>
    </Card>
  );
}

function SetsCard({ sets }: { sets: BackupSet[] }) {
  const { t, i18n } = useTranslation();
  const state = (set: BackupSet) => {
    if (set.problem) {
      const known = i18n.exists(`errors.${set.problem}`);
      return <Badge tone="red">{t(known ? `errors.${set.problem}` : 'errors.unexpected')}</Badge>;
    }
    return set.foreign ? (
      <Badge tone="amber">{t('backup.foreign')}</Badge>
    ) : (
      <Badge tone="green">{t('backup.whole')}</Badge>
    );
  };
  return (
    <Card title={t('backup.sets')} testId="backup-sets">
      {sets.length === 0 ? (
        <p className="text-muted text-sm">{t('errors.backup_none')}</p>
      ) : (
        <DataTable
          label={t('backup.sets')}
          rows={sets}
          rowKey={(set) => set.name}
          rowTestId="backup-row"
          columns={[
            { id: 'made', header: t('backup.made'), lead: true, cell: (set) => <When at={set.created_at} long /> },
            { id: 'size', header: t('backup.size'), right: true, cell: (set) => bytes(set.bytes) ?? <Missing /> },
            { id: 'version', header: t('backup.version'), cell: (set) => set.version ?? <Missing /> },
            { id: 'state', header: t('backup.state'), cell: state },
            {
              id: 'name',
              header: t('backup.name'),
              wide: true,
              cell: (set) => <code className="text-xs break-all">{set.name}</code>,
            },
          ]}
        />
      )}
    </Card>
  );
}
