import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { usePreview } from '../../api/queries/bots';
import type { Account } from '../../api/types';
import { WithBots } from '../../components/layout/paper';
import { ButtonLink } from '../../components/ui/button';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { Empty, Note, QueryView } from '../../components/ui/feedback';
import { Age, Money } from '../../components/ui/value';
import { compare } from '../../lib/decimal';
import { writePreference } from '../../lib/storage';
import { PreviewItemView, PreviewTimes } from './PreviewItem';

export function PreviewPage() {
  const { t } = useTranslation();
  return (
    <WithBots title={t('preview.title')}>{(account) => <PreviewOf key={account.id} account={account} />}</WithBots>
  );
}

function PreviewOf({ account }: { account: Account }) {
  const { t } = useTranslation();
  const query = usePreview(account.id);
  useEffect(() => {
    writePreference(`seen.preview.${account.id}`, 'yes');
  }, [account.id]);
  return (
    <>
      <PageHead title={t('preview.title')} sub={t('preview.sub')} />
      {account.mode === 'observe' && (
        <div className="mb-4">
          <Note>{t('preview.observe')}</Note>
        </div>
      )}
      <QueryView
        query={query}
        isEmpty={(data) => data.items.length === 0}
        empty={
          <Empty title={t('preview.none')} action={<ButtonLink to="/bots">{t('nav.bots')}</ButtonLink>}>
            {t('preview.noneText')}
          </Empty>
        }
      >
        {(preview) => (
          <div className="space-y-4">
            <Card>
              <PreviewTimes preview={preview} />
              <Facts
                columns={3}
                items={[
                  { label: t('preview.maxTotal'), value: <Money value={preview.max_spend_total} /> },
                  {
                    label: t('dashboard.cash'),
                    value: (
                      <>
                        <Money value={preview.cash?.value} />{' '}
                        {preview.cash && (
                          <span className="text-muted text-xs font-normal">
                            <Age at={preview.cash.at} />
                          </span>
                        )}
                      </>
                    ),
                  },
                ]}
              />
              {preview.cash && compare(preview.max_spend_total, preview.cash.value) > 0 && (
                <div className="mt-3">
                  <Note tone="warning">{t('preview.cashShort')}</Note>
                </div>
              )}
            </Card>
            {preview.items.map((item) => (
              <Card
                key={item.bot_id}
                title={
                  <Link to={`/bots/${item.bot_id}`} className="hover:underline">
                    {item.bot_name} <span className="text-muted font-normal">{item.symbol}</span>
                  </Link>
                }
              >
                <PreviewItemView item={item} />
              </Card>
            ))}
          </div>
        )}
      </QueryView>
    </>
  );
}
