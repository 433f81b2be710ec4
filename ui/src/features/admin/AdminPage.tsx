import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAdminSettings, useAdminSystem, useAdminUsers, useSaveAdminSettings } from '../../api/queries/admin';
import { useSession } from '../../api/session';
import type { AdminUser } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { Empty, ErrorNote, QueryView } from '../../components/ui/feedback';
import { Choice } from '../../components/ui/field';
import { DataTable } from '../../components/ui/table';
import { Missing, When } from '../../components/ui/value';
import { bytes } from '../../lib/format';
import { RulesDialog } from './RulesDialog';
import { SafetyCard } from './SafetyCard';

export function AdminPage() {
  const { t } = useTranslation();
  const { user } = useSession();
  if (user?.role !== 'admin') return <Empty title={t('errors.forbidden')} />;
  return (
    <>
      <PageHead title={t('nav.admin')} sub={t('admin.privacy')} />
      <div className="space-y-4">
        <SafetyCard />
        <Users />
        <Registration />
        <System />
      </div>
    </>
  );
}

function Users() {
  const { t } = useTranslation();
  const query = useAdminUsers();
  const [asked, setAsked] = useState<AdminUser | null>(null);
  return (
    <Card title={t('admin.users')}>
      <QueryView query={query} isEmpty={(data) => data.items.length === 0} empty={<Empty title={t('admin.noUsers')} />}>
        {(data) => (
          <DataTable
            label={t('admin.users')}
            rows={data.items}
            rowKey={(user) => user.id}
            rowTestId="user-row"
            columns={[
              { id: 'name', header: t('auth.username'), lead: true, cell: (user) => <strong>{user.username}</strong> },
              { id: 'role', header: t('admin.role'), cell: (user) => t(`role.${user.role}`) },
              {
                id: 'active',
                header: t('orders.state'),
                cell: (user) => (
                  <Badge tone={user.active ? 'green' : 'grey'}>
                    {t(user.active ? 'admin.active' : 'admin.inactive')}
                  </Badge>
                ),
              },
              { id: 'accounts', header: t('admin.accounts'), right: true, cell: (user) => user.accounts },
              { id: 'created', header: t('admin.created'), cell: (user) => <When at={user.created_at} long /> },
              {
                id: 'rules',
                header: t('common.actions'),
                buttons: true,
                cell: (user) => (
                  <Button
                    tone="quiet"
                    className="min-h-8 px-2 py-0"
                    aria-label={t('rules.title', { user: user.username })}
                    data-testid="user-rules"
                    onClick={() => setAsked(user)}
                  >
                    {t('rules.open')}
                  </Button>
                ),
              },
            ]}
          />
        )}
      </QueryView>
      {asked && <RulesDialog user={asked} onClose={() => setAsked(null)} />}
    </Card>
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

function Uptime({ seconds }: { seconds: number }) {
  const { t } = useTranslation();
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return <span className="num">{t('admin.uptimeText', { days, hours, minutes })}</span>;
}
