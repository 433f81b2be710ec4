import { useTranslation } from 'react-i18next';
import type { Account } from '../../api/types';
import { WithAccount } from '../../components/layout/account';
import { Badge } from '../../components/ui/badge';
import { ButtonLink } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { When } from '../../components/ui/value';
import { BrokerKeyCard } from './BrokerKeyCard';
import { LimitsCard } from './LimitsCard';
import { ModeCard } from './ModeCard';
import { SettingsCard } from './SettingsCard';
import { TelegramCard } from './TelegramCard';
import { UnsettledCard } from './UnsettledCard';

export function AccountPage() {
  return <WithAccount>{(account) => <Sections key={account.id} account={account} />}</WithAccount>;
}

function Sections({ account }: { account: Account }) {
  const { t } = useTranslation();
  // The paper account inside this server has no broker, no bots and nobody to tell of them.
  const own = account.environment === 'own';
  return (
    <>
      <PageHead
        title={t('nav.account')}
        sub={
          <>
            {account.name} {account.halted && <Badge tone="red">{t('killSwitch.on')}</Badge>}
            {account.imported_at && (
              <>
                {' '}
                · {t('account.importedAt')} <When at={account.imported_at} long />
              </>
            )}
          </>
        }
      >
        {!own && <ButtonLink to="/schedule">{t('nav.schedule')}</ButtonLink>}
        <ButtonLink to="/accounts/new" data-testid="account-new">
          {t('account.create')}
        </ButtonLink>
      </PageHead>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="min-w-0 space-y-4">
          <ModeCard account={account} />
          <UnsettledCard account={account} />
          <SettingsCard account={account} />
        </div>
        <div className="min-w-0 space-y-4">
          {own ? (
            <Card title={t('paper.title')}>
              <p className="text-sm">{t('paper.text')}</p>
            </Card>
          ) : (
            <>
              <BrokerKeyCard account={account} />
              <TelegramCard account={account} />
            </>
          )}
          <LimitsCard account={account} />
        </div>
      </div>
    </>
  );
}
