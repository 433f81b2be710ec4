import { useTranslation } from 'react-i18next';
import { useAdminSettings, useAdminSystem, useSaveAdminSettings } from '../../api/queries/admin';
import { useSession } from '../../api/session';
import { DisclosureCard } from '../../components/layout/Disclosure';
import { ButtonLink } from '../../components/ui/button';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { Empty, ErrorNote, QueryView } from '../../components/ui/feedback';
import { Choice } from '../../components/ui/field';
import { NetworksForm } from '../../components/ui/networks';
import { Count, Missing } from '../../components/ui/value';
import { bytes } from '../../lib/format';
import { InstallationAudit } from './InstallationAudit';
import { InvitationsCard } from './InvitationsCard';
import { ProvidersCard } from './ProvidersCard';
import { SafetyCard } from './SafetyCard';
import { Uptime } from './SystemPage';
import { UsersCard } from './UsersCard';

export function AdminPage() {
  const { t } = useTranslation();
  const { user } = useSession();
  if (user?.role !== 'admin') return <Empty title={t('errors.forbidden')} />;
  return (
    <>
      <PageHead title={t('nav.admin')} sub={t('admin.privacy')} />
      <div className="space-y-4">
        <DisclosureCard name="administration" keep />
        <SafetyCard />
        <UsersCard />
        <InvitationsCard />
        <Registration />
        <Networks />
        <ProvidersCard />
        <System />
        <Backup />
        <InstallationAudit />
      </div>
    </>
  );
}

function Registration() {
  const { t } = useTranslation();
  const query = useAdminSettings();
  const save = useSaveAdminSettings();
  return (
    <Card title={t('admin.registration')}>
      <QueryView query={query} rows={1}>
        {(data) => (
          <>
            <Choice
              label={t('admin.registration')}
              hideLabel
              value={data.registration}
              onChange={(registration) => save.mutate({ registration })}
              options={[
                { value: 'closed', label: t('admin.closed'), testId: 'registration-closed' },
                { value: 'open', label: t('admin.open'), testId: 'registration-open' },
              ]}
            />
            <p className="text-muted mt-2 text-sm">{t(`admin.${data.registration}Text`)}</p>
            {save.error && <ErrorNote error={save.error} />}
          </>
        )}
      </QueryView>
    </Card>
  );
}

function Networks() {
  const { t } = useTranslation();
  const query = useAdminSettings();
  const save = useSaveAdminSettings();
  return (
    <Card title={t('networks.installation')}>
      <p className="text-muted mb-3 text-sm">{t('networks.installationText')}</p>
      <QueryView query={query} rows={2}>
        {(data) => (
          <NetworksForm
            key={data.networks.join()}
            networks={data.networks}
            address={data.your_address}
            save={{ ...save, mutate: (networks) => save.mutate({ networks }) }}
            testId="installation-networks"
          />
        )}
      </QueryView>
    </Card>
  );
}

function System() {
  const { t } = useTranslation();
  const query = useAdminSystem();
  return (
    <Card
      title={t('admin.system')}
      actions={
        <>
          <ButtonLink to="/admin/system" data-testid="to-system">
            {t('system.title')}
          </ButtonLink>
          <ButtonLink to="/admin/logs" data-testid="to-logs">
            {t('logs.title')}
          </ButtonLink>
        </>
      }
    >
      <QueryView query={query} rows={2}>
        {(data) => (
          <Facts
            columns={4}
            items={[
              { label: t('admin.version'), value: data.version },
              { label: t('admin.uptime'), value: <Uptime seconds={data.uptime_s} /> },
              { label: t('admin.disk'), value: bytes(data.disk_free_bytes) ?? <Missing /> },
              { label: t('watch.title'), value: <Count value={data.alerts.length} /> },
            ]}
          />
        )}
      </QueryView>
    </Card>
  );
}

function Backup() {
  const { t } = useTranslation();
  return (
    <Card title={t('backup.title')}>
      <p className="text-muted mb-3 text-sm">{t('backup.sub')}</p>
      <ButtonLink to="/admin/backup" data-testid="open-backup">
        {t('backup.open')}
      </ButtonLink>
    </Card>
  );
}
