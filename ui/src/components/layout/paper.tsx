import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account } from '../../api/types';
import { ButtonLink } from '../ui/button';
import { PageHead } from '../ui/card';
import { Empty } from '../ui/feedback';
import { WithAccount } from './account';
import { isWithoutBots } from './twin';

/** As `WithAccount`, for pages about bots: a paper account inside this server has none, and its pages say so. */
export function WithBots({ title, children }: { title: string; children: (account: Account) => ReactNode }) {
  const { t } = useTranslation();
  return (
    <WithAccount>
      {(account) =>
        isWithoutBots(account) ? (
          <>
            <PageHead title={title} sub={account.name} />
            <Empty
              title={t('paper.noBots')}
              action={
                <>
                  <ButtonLink to={`/ticket?account=${account.id}`} tone="primary">
                    {t('nav.ticket')}
                  </ButtonLink>
                  <ButtonLink to="/accounts/new">{t('account.create')}</ButtonLink>
                </>
              }
            >
              {t('paper.noBotsText')}
            </Empty>
          </>
        ) : (
          children(account)
        )
      }
    </WithAccount>
  );
}
