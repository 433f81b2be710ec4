import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAdminUsers } from '../../api/queries/admin';
import type { AdminUser } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { Empty, QueryView } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { When } from '../../components/ui/value';
import { EraseUserDialog } from './EraseUserDialog';
import { PersonDialog } from './PersonDialog';
import { ResetDialog } from './ResetDialog';
import { RulesDialog } from './RulesDialog';

const acts = [
  { id: 'rules', open: 'rules.open', title: 'rules.title', Asked: RulesDialog },
  { id: 'person', open: 'person.open', title: 'person.title', Asked: PersonDialog },
  { id: 'reset', open: 'resetLink.open', title: 'resetLink.title', Asked: ResetDialog },
  { id: 'erase', open: 'leaving.open', title: 'leaving.eraseUser', Asked: EraseUserDialog },
] as const;

export function UsersCard() {
  const { t } = useTranslation();
  const query = useAdminUsers();
  const [asked, setAsked] = useState<{ user: AdminUser; Asked: (typeof acts)[number]['Asked'] } | null>(null);
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
                  <span className="inline-flex flex-wrap gap-1">
                    <Badge tone={user.active ? 'green' : 'grey'}>
                      {t(user.active ? 'admin.active' : 'admin.inactive')}
                    </Badge>
                    {user.verified && <Badge>{t('person.verified')}</Badge>}
                    {user.premium && <Badge>{t('person.premium')}</Badge>}
                  </span>
                ),
              },
              { id: 'accounts', header: t('admin.accounts'), right: true, cell: (user) => user.accounts },
              { id: 'created', header: t('admin.created'), cell: (user) => <When at={user.created_at} long /> },
              {
                id: 'acts',
                header: t('common.actions'),
                buttons: true,
                cell: (user) => (
                  <span className="flex flex-wrap gap-1">
                    {acts.map(({ id, open, title, Asked }) => (
                      <Button
                        key={id}
                        tone="quiet"
                        className="min-h-8 px-2 py-0"
                        aria-label={t(title, { user: user.username })}
                        data-testid={`user-${id}`}
                        onClick={() => setAsked({ user, Asked })}
                      >
                        {t(open)}
                      </Button>
                    ))}
                  </span>
                ),
              },
            ]}
          />
        )}
      </QueryView>
      {asked && <asked.Asked user={asked.user} onClose={() => setAsked(null)} />}
    </Card>
  );
}
