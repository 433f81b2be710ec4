import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Account, Summary } from '../../api/types';
import { Foreign, Note } from '../../components/ui/feedback';
import { Age } from '../../components/ui/value';
import { money } from '../../lib/format';
import { COVER, useAmountsHidden } from '../../lib/privacy';
import { OpenQuestions } from '../reconciliation/OpenQuestions';

/** What needs the owner: holds of the account, open questions, and cash that is too low or too high. */
export function Problems({ accounts, alerts }: { accounts: Account[]; alerts: Summary['alerts'] }) {
  const { t, i18n } = useTranslation();
  const hidden = useAmountsHidden();
  const name = (code: string) => {
    const key = [`attention.${code}`, `errors.${code}`].find((item) => i18n.exists(item));
    // What is no code of ours is the broker's.
    return key ? t(key) : `${t('errors.broker_rejected')} (${code})`;
  };
  return (
    <>
      {accounts.flatMap((account) => [
        ...account.attention.map((item) => (
          <Note key={`${account.id} ${item.code} ${item.since}`} tone="error" testId="attention">
            <strong>
              {name(item.code)} · {account.name}
            </strong>
            <p>
              <Age at={item.since} />
            </p>
            <Foreign text={item.detail} />
          </Note>
        )),
        <OpenQuestions key={`${account.id} questions`} account={account} />,
        account.unsettled.length > 0 && (
          <Note key={`${account.id} unsettled`} tone="warning" testId="unsettled">
            {t('account.unsettledNote', { count: account.unsettled.length, account: account.name })}{' '}
            <Link to="/account" className="font-semibold underline">
              {t('account.settleNow')}
            </Link>
          </Note>
        ),
      ])}
      {alerts.map((alert) => (
        <Note key={`${alert.code} ${alert.account}`} tone="warning" testId={`alert-${alert.code}`}>
          <strong>
            {t(`dashboard.${alert.code}`)} · {alert.account}
          </strong>{' '}
          {t(`dashboard.${alert.code}_text`, {
            cash: hidden ? COVER : money(alert.cash_usd, 'USD'),
            turn: hidden ? COVER : money(alert.seed_per_turn_usd, 'USD'),
          })}
        </Note>
      ))}
    </>
  );
}
