import { useTranslation } from 'react-i18next';
import { useSchedule } from '../../api/queries/accounts';
import { useBots } from '../../api/queries/bots';
import { useOrders } from '../../api/queries/trading';
import { useSession } from '../../api/session';
import type { Account } from '../../api/types';
import { useCurrentAccount } from '../../components/layout/account';
import { Button } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { ErrorNote, Loading } from '../../components/ui/feedback';
import { Money, Shares, When } from '../../components/ui/value';

/** Next sessions that are printed for an account. */
const SESSIONS = 3;

/** To be printed and kept in a drawer: what runs, and how somebody else stops it. */
export function EmergencyPage() {
  const { t } = useTranslation();
  const { user } = useSession();
  const { accounts, query } = useCurrentAccount();
  const listed = accounts.filter((account) => !account.twin);
  return (
    <div className="emergency-sheet">
      <PageHead title={t('emergency.title')} sub={t('emergency.sub')}>
        <Button onClick={() => window.print()} data-testid="emergency-print" className="print:hidden">
          {t('emergency.print')}
        </Button>
      </PageHead>
      <p className="mb-4 text-sm">
        {t('emergency.of', { user: user?.username ?? '' })} <When at={new Date().toISOString()} long />
      </p>
      <div className="space-y-4">
        <Card title={t('emergency.stop')} testId="emergency-stop">
          <ol className="list-decimal space-y-3 pl-5 text-sm">
            <li>{t('emergency.inApp')}</li>
            <li>
              {t('emergency.onNas')}
              <pre className="bg-sunken mt-1 overflow-x-auto rounded-lg p-2 text-xs whitespace-pre-wrap wrap-anywhere">
                {`eggmoney kill-switch on --data-dir ${t('emergency.folder')} --user ${user?.username ?? ''}`}
              </pre>
            </li>
            <li>{t('emergency.atBroker')}</li>
            <li>{t('emergency.powerOff')}</li>
          </ol>
        </Card>
        {query.isPending && <Loading />}
        {listed.map((account) => (
          <AccountSheet key={account.id} account={account} />
        ))}
        <Card title={t('emergency.notes')}>
          <div className="space-y-6 pt-2" aria-hidden="true">
            {['broker', 'keeper', 'phone'].map((line) => (
              <p key={line} className="border-line flex items-end border-b text-sm">
                {t(`emergency.line_${line}`)}
              </p>
            ))}
          </div>
        </Card>
      </div>
    </div>
  );
}

function AccountSheet({ account }: { account: Account }) {
  const { t } = useTranslation();
  const bots = useBots(account.id);
  const orders = useOrders({ account_id: account.id, open: true });
  const schedule = useSchedule(account.id);
  const error = bots.error ?? orders.error ?? schedule.error;
  const open = orders.data?.pages.flatMap((page) => page.items) ?? [];
  const running = bots.data?.items.filter((bot) => bot.active) ?? [];
  const next = schedule.data?.upcoming.slice(0, SESSIONS) ?? [];
  const key = account.broker_key;
  return (
    <Card title={account.name} testId="emergency-account">
      {error && <ErrorNote error={error} />}
      <dl className="grid gap-x-4 gap-y-1 text-sm sm:grid-cols-[10rem_1fr]">
        <dt className="text-muted">{t('emergency.broker')}</dt>
        <dd>
          {account.environment === 'own'
            ? t('environment.own')
            : `${t('emergency.kis')} · ${t(`environment.${account.environment}`)}`}
        </dd>
        <dt className="text-muted">{t('brokerKey.accountNo')}</dt>
        <dd className="num">{key?.present ? key.masked_account : t('common.none')}</dd>
        <dt className="text-muted">{t('emergency.state')}</dt>
        <dd>
          {t(`mode.${account.mode}`)}
          {account.halted && ` · ${t('killSwitch.on')}`}
        </dd>
        <dt className="text-muted">{t('emergency.bots')}</dt>
        <dd className="break-words">
          {running.length > 0 ? running.map((bot) => `${bot.name} (${bot.symbol})`).join(', ') : t('common.none')}
        </dd>
        <dt className="text-muted">{t('emergency.orders')}</dt>
        <dd>
          {open.length === 0
            ? t('common.none')
            : open.map((order) => (
                <p key={order.id}>
                  {t(`side.${order.side}`)} {order.symbol} <Shares value={order.quantity} unit />{' '}
                  {order.price !== null && (
                    <Money value={order.price} currency={order.market === 'KRX' ? 'KRW' : 'USD'} />
                  )}{' '}
                  {order.broker_order_no && t('emergency.number', { number: order.broker_order_no })}
                </p>
              ))}
        </dd>
        <dt className="text-muted">{t('emergency.slots')}</dt>
        <dd>
          {next.length === 0
            ? t('common.none')
            : next.map((session) => (
                <p key={session.session}>
                  <When at={session.decision} long /> {t('schedule.decision')} · <When at={session.closing_buy} long />{' '}
                  {t('schedule.closing_buy')}
                </p>
              ))}
        </dd>
      </dl>
    </Card>
  );
}
