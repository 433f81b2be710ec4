import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import {
  useEndSession,
  useLoginSessions,
  useLogout,
  useOwnAudit,
  useOwnNetworks,
  useProfile,
  useSaveOwnNetworks,
  useSaveProfile,
} from '../../api/queries/auth';
import type { AuditItem } from '../../api/types';
import { DisclosureCard } from '../../components/layout/Disclosure';
import { AuditCard } from '../../components/ui/audit';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { Empty, ErrorNote, QueryView } from '../../components/ui/feedback';
import { Choice } from '../../components/ui/field';
import { NetworksForm } from '../../components/ui/networks';
import { DataTable } from '../../components/ui/table';
import { Missing, When } from '../../components/ui/value';
import type { Locale } from '../../lib/format';
import { setLanguage } from '../../lib/i18n';
import { useLocale } from '../../lib/locale';
import { setTheme, type Theme, useTheme } from '../../lib/theme';
import { ApiKeysCard } from './ApiKeysCard';
import { deviceName } from './device';
import { IdentitiesCard } from './IdentitiesCard';
import { LeavingCard } from './LeavingCard';
import { PasswordCard } from './PasswordCard';
import { SecondFactorCard } from './SecondFactorCard';

export function ProfilePage() {
  const { t } = useTranslation();
  const query = useProfile();
  const logout = useLogout();
  return (
    <>
      <PageHead title={t('nav.profile')}>
        <Button busy={logout.isPending} onClick={() => logout.mutate()} data-testid="logout">
          {t('auth.logout')}
        </Button>
      </PageHead>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card
          title={t('profile.me')}
          actions={
            <Link to="/connection" className="text-sm underline" data-testid="profile-connection">
              {t('connection.title')}
            </Link>
          }
        >
          <QueryView query={query} rows={1}>
            {(profile) => (
              <Facts
                items={[
                  { label: t('auth.username'), value: profile.username },
                  { label: t('admin.role'), value: t(`role.${profile.role}`) },
                  { label: t('profile.email'), value: profile.email ?? <Missing /> },
                  { label: t('admin.created'), value: <When at={profile.created_at} long /> },
                ]}
              />
            )}
          </QueryView>
        </Card>
        <Appearance />
        <PasswordCard />
        <SecondFactorCard />
        <IdentitiesCard />
        <Sessions />
        <Networks />
        <ApiKeysCard of={query.data?.role} />
        <DisclosureCard name="broker_key" keep />
        <OwnAudit />
        <LeavingCard />
      </div>
    </>
  );
}

function Appearance() {
  const { t } = useTranslation();
  const locale = useLocale();
  const theme = useTheme();
  const save = useSaveProfile();
  return (
    <Card title={t('profile.appearance')}>
      <div className="space-y-4">
        <Choice<Locale>
          label={t('profile.language')}
          value={locale}
          onChange={(language) => {
            void setLanguage(language);
            save.mutate({ language });
          }}
          options={[
            { value: 'ko', label: t('language.ko'), testId: 'profile-language-ko' },
            { value: 'en', label: t('language.en'), testId: 'profile-language-en' },
          ]}
        />
        <Choice<Theme>
          label={t('profile.theme')}
          value={theme}
          onChange={setTheme}
          options={(['system', 'light', 'dark'] as const).map((value) => ({
            value,
            label: t(`theme.${value}`),
            testId: `theme-${value}`,
          }))}
        />
        {save.error && <ErrorNote error={save.error} />}
      </div>
    </Card>
  );
}

function Sessions() {
  const { t } = useTranslation();
  const query = useLoginSessions();
  const end = useEndSession();
  return (
    <Card title={t('profile.sessions')}>
      {end.error && <ErrorNote error={end.error} />}
      <QueryView query={query} isEmpty={(data) => data.items.length === 0} empty={<Empty title={t('common.none')} />}>
        {(data) => (
          <DataTable
            label={t('profile.sessions')}
            rows={data.items}
            rowKey={(item) => item.id}
            rowTestId="session-row"
            columns={[
              {
                id: 'client',
                header: t('profile.device'),
                lead: true,
                cell: (item) => (
                  <>
                    <span title={item.client}>{deviceName(item.client) || t('profile.unknownDevice')}</span>{' '}
                    {item.address && <span className="text-muted text-xs">{item.address}</span>}{' '}
                    {item.current && <Badge tone="green">{t('profile.current')}</Badge>}
                  </>
                ),
              },
              { id: 'created', header: t('profile.since'), cell: (item) => <When at={item.created_at} long /> },
              { id: 'used', header: t('profile.lastUsed'), cell: (item) => <When at={item.last_used_at} long /> },
              {
                id: 'end',
                header: t('common.actions'),
                buttons: true,
                cell: (item) =>
                  !item.current && (
                    <Button tone="quiet" className="min-h-8 px-2 py-0" onClick={() => end.mutate(item.id)}>
                      {t('profile.end')}
                    </Button>
                  ),
              },
            ]}
          />
        )}
      </QueryView>
    </Card>
  );
}

function Networks() {
  const { t } = useTranslation();
  const query = useOwnNetworks();
  const save = useSaveOwnNetworks();
  return (
    <Card title={t('networks.own')}>
      <p className="text-muted mb-3 text-sm">{t('networks.ownText')}</p>
      <QueryView query={query} rows={2}>
        {(data) => (
          <NetworksForm
            key={data.networks.join()}
            networks={data.networks}
            address={data.your_address}
            save={save}
            testId="own-networks"
          />
        )}
      </QueryView>
    </Card>
  );
}

function OwnAudit() {
  const { t } = useTranslation();
  // Acts with a shared account name the other person.
  const about = ({ detail, action }: AuditItem) => {
    const { user } = (detail ?? {}) as { user?: unknown };
    return /^(grant|shared)\./.test(action) && typeof user === 'string' ? user : undefined;
  };
  return <AuditCard title={t('audit.own')} query={useOwnAudit()} about={about} />;
}
