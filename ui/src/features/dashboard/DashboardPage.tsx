import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { useIndicators, useSummary } from '../../api/queries/overview';
import { NoAccount, useCurrentAccount } from '../../components/layout/account';
import { isWithoutBots } from '../../components/layout/twin';
import { PageHead } from '../../components/ui/card';
import { ErrorNote, Loading, QueryView } from '../../components/ui/feedback';
import { Choice } from '../../components/ui/field';
import { Age } from '../../components/ui/value';
import { BotProgress } from './BotProgress';
import { Checklist } from './Checklist';
import { Figures } from './Figures';
import { IndicatorCards } from './IndicatorCards';
import { PaperHome } from './PaperHome';
import { Problems } from './Problems';
import { Totals } from './Totals';

export function DashboardPage() {
  const { t } = useTranslation();
  const { account, accounts, query } = useCurrentAccount();
  const [search, setSearch] = useSearchParams();
  const all = search.get('scope') === 'all' && accounts.length > 1;
  const scope = all ? undefined : account?.id;
  // The paper account inside this server has no bots and so no summary of them.
  const paper = !all && account !== undefined && isWithoutBots(account);
  const summary = useSummary(scope);
  const indicators = useIndicators(scope);

  if (query.isPending) return <Loading />;
  if (query.error && !query.data) return <ErrorNote error={query.error} retry={() => void query.refetch()} />;
  if (!account) {
    return (
      <>
        <PageHead title={t('nav.home')} />
        <NoAccount />
        <Checklist account={undefined} />
      </>
    );
  }

  return (
    <>
      <PageHead
        title={t('nav.home')}
        sub={
          !paper &&
          summary.data?.prices_at && (
            <>
              {t('dashboard.pricesAt')} <Age at={summary.data.prices_at} />
            </>
          )
        }
      >
        {accounts.length > 1 && (
          <Choice
            label={t('dashboard.scope')}
            hideLabel
            value={all ? 'all' : 'one'}
            onChange={(value) => setSearch(value === 'all' ? { scope: 'all' } : {}, { replace: true })}
            options={[
              { value: 'one', label: account.name },
              { value: 'all', label: t('dashboard.allAccounts') },
            ]}
          />
        )}
      </PageHead>
      <div className="space-y-4">
        {paper ? (
          <>
            <Problems accounts={[account]} alerts={[]} />
            <PaperHome account={account} />
            {accounts.length === 1 && <Checklist account={undefined} />}
          </>
        ) : (
          <>
            <Checklist account={account} />
            <Problems accounts={all ? accounts : [account]} alerts={summary.data?.alerts ?? []} />
            <QueryView query={summary} rows={4}>
              {(data) => (
                <div className="space-y-4">
                  <Totals summary={data} />
                  <Figures summary={data} />
                  <BotProgress bots={data.bots} accounts={all ? accounts : []} />
                </div>
              )}
            </QueryView>
            <QueryView query={indicators} rows={2}>
              {(data) => <IndicatorCards data={data} />}
            </QueryView>
          </>
        )}
      </div>
    </>
  );
}
