import { useTranslation } from 'react-i18next';
import type { Account } from '../../api/types';
import { WithAccount } from '../../components/layout/account';
import { DisclosureCard } from '../../components/layout/Disclosure';
import { Badge } from '../../components/ui/badge';
import { ButtonLink } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { When } from '../../components/ui/value';
import { AccessCard } from './AccessCard';
import { BalanceCard } from './BalanceCard';
import { BrokerKeyCard } from './BrokerKeyCard';
import { EndsCard } from './EndsCard';
import { ExportCard } from './ExportCard';
import { GoingLiveCard } from './GoingLiveCard';
import { LimitsCard } from './LimitsCard';
import { ModeCard } from './ModeCard';
import { NoticesCard } from './NoticesCard';
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
  const settable = !account.twin;
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
          {!own && <GoingLiveCard account={account} />}
          <UnsettledCard account={account} />
          <BalanceCard account={account} />
          {settable && <SettingsCard account={account} />}
        </div>
        <div className="min-w-0 space-y-4">
          {own && settable && (
            <Card title={t('paper.title')}>
              <p className="text-sm">{t('paper.text')}</p>
            </Card>
          )}
          {!own && (
            <>
              {/* Of a key that the command line brought its owner has not been asked yet. */}
              {account.broker_key?.present && <DisclosureCard name="broker_key" />}
              <BrokerKeyCard account={account} />
              <EndsCard account={account} />
              <NoticesCard account={account} />
              <TelegramCard account={account} />
            </>
          )}
          {settable && <LimitsCard account={account} />}
          <AccessCard account={account} />
          {!own && <ExportCard account={account} />}
        </div>
      </div>
    </>
  );
}
