import { useTranslation } from 'react-i18next';
import type { Account } from '../../api/types';
import { WithAccount } from '../../components/layout/account';
import { ButtonLink } from '../../components/ui/button';
import { PageHead } from '../../components/ui/card';
import { When } from '../../components/ui/value';
import { BrokerKeyCard } from './BrokerKeyCard';
import { ModeCard } from './ModeCard';
import { SettingsCard } from './SettingsCard';
import { TelegramCard } from './TelegramCard';
import { UnsettledCard } from './UnsettledCard';

export function AccountPage() {
  return <WithAccount>{(account) => <Sections key={account.id} account={account} />}</WithAccount>;
}

function Sections({ account }: { account: Account }) {
  const { t } = useTranslation();
  return (
    <>
      <PageHead
        title={t('nav.account')}
        sub={
          <>
            {account.name}
            {account.imported_at && (
              <>
                {' '}
                · {t('account.importedAt')} <When at={account.imported_at} long />
              </>
            )}
          </>
        }
      >
        <ButtonLink to="/schedule">{t('nav.schedule')}</ButtonLink>
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
          <BrokerKeyCard account={account} />
          <TelegramCard account={account} />
        </div>
      </div>
    </>
  );
}
