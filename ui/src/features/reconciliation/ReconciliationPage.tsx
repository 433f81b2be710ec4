import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { useBots } from '../../api/queries/bots';
import { useCompare, useDifferences } from '../../api/queries/differences';
import type { Account, Bot, CashDifference, Difference, Differences } from '../../api/types';
import { useCurrentAccount, WithAccount } from '../../components/layout/account';
import { isWithoutBots } from '../../components/layout/twin';
import { Badge, SideBadge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { Empty, ErrorNote, QueryView } from '../../components/ui/feedback';
import { Age, Money, Price, Shares, When } from '../../components/ui/value';
import { add, multiply, sign } from '../../lib/decimal';
import { type Currency, currencyOf } from '../../lib/format';
import { AnswerDialog, type Asked } from './AnswerDialog';
import { answersTo, CASH_REASONS } from './answers';

/** Books against broker: what differs, what it may be, and the owner's answers. */
export function ReconciliationPage() {
  const [search] = useSearchParams();
  const { account, accounts, choose } = useCurrentAccount();
  const wanted = search.get('account');
  useEffect(() => {
    // A message leads to the account that it is about.
    if (wanted && wanted !== account?.id && accounts.some((item) => item.id === wanted)) choose(wanted);
  }, [wanted, account?.id, accounts, choose]);
  return <WithAccount>{(current) => <Questions key={current.id} account={current} />}</WithAccount>;
}

function Questions({ account }: { account: Account }) {
  const { t } = useTranslation();
  const query = useDifferences(account);
  const compare = useCompare(account.id);
  const own = isWithoutBots(account);
  return (
    <>
      <PageHead title={t('nav.reconciliation')} sub={account.name}>
        {!own && (
          <Button busy={compare.isPending} onClick={() => compare.mutate(undefined)} data-testid="compare-now">
            {t('difference.compareNow')}
          </Button>
        )}
      </PageHead>
      {compare.error && <ErrorNote error={compare.error} />}
      {own ? (
        <Empty title={t('difference.paper')}>{t('difference.paperText')}</Empty>
      ) : (
        <QueryView query={query}>{(open) => <Open account={account} open={open} />}</QueryView>
      )}
    </>
  );
}

function Open({ account, open }: { account: Account; open: Differences }) {
  const { t } = useTranslation();
  const bots = useBots(account.id).data?.items ?? [];
  const [asked, setAsked] = useState<Asked | null>(null);
  const surpluses = open.items.filter((item) => item.kind === 'first_surplus').length;
  return (
    <div className="space-y-4">
      <p className="text-muted text-sm" data-testid="checked">
        {open.checked.length === 0
          ? t('difference.neverCompared')
          : open.checked.map((item) => (
              <span key={item.market} className="mr-3">
                {t(`difference.checked_${item.market}`)} <Age at={item.at} />
              </span>
            ))}
      </p>
      {open.items.length + open.cash.length === 0 && open.checked.length > 0 && (
        <Empty title={t('difference.none')}>{t('difference.noneText')}</Empty>
      )}
      {open.items.map((item) => (
        <DifferenceCard
          key={item.id}
          item={item}
          bots={bots.filter((bot) => bot.symbol === item.symbol)}
          many={surpluses > 1}
          onAnswer={(action) => setAsked({ type: 'shares', item, action })}
        />
      ))}
      {open.cash.map((item) => (
        <CashCard key={item.id} item={item} onAnswer={(action) => setAsked({ type: 'cash', item, action })} />
      ))}
      {asked && <AnswerDialog account={account} bots={bots} asked={asked} onClose={() => setAsked(null)} />}
    </div>
  );
}

function BothSides({ ours, brokers, value }: { ours: string; brokers: string; value: (v: string) => React.ReactNode }) {
  const { t } = useTranslation();
  const apart = add(brokers, multiply(ours, '-1'));
  return (
    <Facts
      columns={3}
      items={[
        { label: t('difference.ours'), value: <span data-testid="side-ours">{value(ours)}</span> },
        { label: t('difference.brokers'), value: <span data-testid="side-brokers">{value(brokers)}</span> },
        {
          label: t('difference.apart'),
          value: (
            <>
              {sign(apart) > 0 && '+'}
              {value(apart)}
            </>
          ),
        },
      ]}
    />
  );
}

function DifferenceCard({
  item,
  bots,
  many,
  onAnswer,
}: {
  item: Difference;
  bots: Bot[];
  many: boolean;
  onAnswer: (action: Extract<Asked, { type: 'shares' }>['action']) => void;
}) {
  const { t } = useTranslation();
  const currency = currencyOf(item.market);
  const held = bots.filter((bot) => bot.active);
  const actions = answersTo(item, { bots: bots.length > 0, many });
  const proposed = item.proposal?.action;
  return (
    <Card
      testId="difference"
      title={
        <>
          {item.symbol} <Badge tone="amber">{t(`differenceKind.${item.kind}`)}</Badge>
        </>
      }
      actions={
        <span className="text-muted text-xs">
          <When at={item.since} />
        </span>
      }
    >
      <div className="space-y-3">
        <p className="text-sm">{t(`differenceText.${item.kind}`)}</p>
        <BothSides ours={item.ours} brokers={item.brokers} value={(value) => <Shares value={value} unit />} />
        {item.price && (
          <p className="text-sm" data-testid="price-jump">
            {t('difference.price')} <Price value={item.price.before} currency={currency} /> →{' '}
            <Price value={item.price.now} currency={currency} />
          </p>
        )}
        {item.executions.length > 0 && (
          <div>
            <h3 className="text-sm font-semibold">{t('difference.executions')}</h3>
            <ul className="divide-line divide-y text-sm">
              {item.executions.map((execution) => (
                <li
                  key={`${execution.date} ${execution.broker_order_no}`}
                  className="flex flex-wrap items-center gap-x-3 gap-y-1 py-1"
                  data-testid="outside-execution"
                >
                  <SideBadge side={execution.side} />
                  <Shares value={execution.quantity} unit />
                  <Money value={execution.amount} currency={currency} />
                  <span className="text-muted text-xs">
                    {execution.ordered_at ? <When at={execution.ordered_at} /> : execution.date} ·{' '}
                    {t('difference.orderNo', { number: execution.broker_order_no })}
                  </span>
                </li>
              ))}
            </ul>
          </div>
        )}
        {held.length > 0 && (
          <p className="text-warn text-sm" data-testid="holds">
            {t('difference.holds', { bots: held.map((bot) => bot.name).join(', ') })}
          </p>
        )}
        {item.proposal && (
          <p className="text-sm font-medium" data-testid="proposal">
            {t('difference.proposal')}{' '}
            {t(`differenceProposal.${item.proposal.action}`, {
              bot: item.proposal.bot_name ?? '',
              old: item.proposal.split?.old ?? '',
              new: item.proposal.split?.new ?? '',
            })}
          </p>
        )}
        <div className="grid gap-2 sm:flex sm:flex-wrap">
          {actions.map((action) => (
            <Button
              key={action}
              tone={action === proposed ? 'primary' : 'plain'}
              data-testid={`answer-${action}`}
              onClick={() => onAnswer(action)}
            >
              {t(item.kind === 'split_awaited' ? 'difference.takeBack' : `differenceAnswer.${action}`)}
            </Button>
          ))}
        </div>
      </div>
    </Card>
  );
}

function CashCard({
  item,
  onAnswer,
}: {
  item: CashDifference;
  onAnswer: (action: Extract<Asked, { type: 'cash' }>['action']) => void;
}) {
  const { t } = useTranslation();
  const currency = item.currency as Currency;
  return (
    <Card
      testId="cash-difference"
      title={
        <>
          {t('difference.cash', { currency: item.currency })} <Badge>{t('difference.holdsNobody')}</Badge>
        </>
      }
      actions={
        <span className="text-muted text-xs">
          <When at={item.since} />
        </span>
      }
    >
      <div className="space-y-3">
        <p className="text-sm">{t('difference.cashText')}</p>
        <BothSides
          ours={item.ours}
          brokers={item.brokers}
          value={(value) => <Money value={value} currency={currency} />}
        />
        <div className="grid grid-cols-2 gap-2 sm:flex sm:flex-wrap">
          {CASH_REASONS.map((reason) => (
            <Button
              key={reason}
              tone={reason === item.proposal ? 'primary' : 'plain'}
              data-testid={`answer-${reason}`}
              onClick={() => onAnswer(reason)}
            >
              {t(`cashReason.${reason}`)}
            </Button>
          ))}
        </div>
      </div>
    </Card>
  );
}
