import { useTranslation } from 'react-i18next';
import { useAdminSettings, useAdminSystem, useSaveAdminSettings } from '../../api/queries/admin';
import { useSession } from '../../api/session';
import { DisclosureCard } from '../../components/layout/Disclosure';
import { ButtonLink } from '../../components/ui/button';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { Empty, ErrorNote, QueryView } from '../../components/ui/feedback';
import { Choice } from '../../components/ui/field';
import { NetworksForm } from '../../components/ui/networks';
import { Missing } from '../../components/ui/value';
import { bytes } from '../../lib/format';
import { InstallationAudit } from './InstallationAudit';
import { InvitationsCard } from './InvitationsCard';
import { ProvidersCard } from './ProvidersCard';
import { SafetyCard } from './SafetyCard';
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
    <Card title={t('admin.system')}>
      <QueryView query={query} rows={2}>
        {(data) => (
          <Facts
            columns={4}
            items={[
              { label: t('admin.version'), value: data.version },
              { label: t('admin.uptime'), value: <Uptime seconds={data.uptime_s} /> },
              { label: t('admin.memory'), value: bytes(data.memory_bytes) ?? <Missing /> },
              { label: t('admin.store'), value: bytes(data.store_bytes) ?? <Missing /> },
              { label: t('admin.disk'), value: bytes(data.disk_free_bytes) ?? <Missing /> },
              { label: t('admin.users'), value: data.users },
              { label: t('admin.accounts'), value: data.accounts },
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

function Uptime({ seconds }: { seconds: number }) {
  const { t } = useTranslation();
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return <span className="num">{t('admin.uptimeText', { days, hours, minutes })}</span>;
}
