import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSettle } from '../../api/queries/accounts';
import type { Account, Settlement, Unsettled } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { useToast } from '../../components/ui/toast';
import { Money, Shares } from '../../components/ui/value';

const actions: Record<Unsettled['type'], Settlement['action'][]> = {
  unbooked_fills: ['book', 'discard'],
  duplicate_holdings: ['merge'],
};

/** Open questions of an import; the account cannot start before they are answered. */
export function UnsettledCard({ account }: { account: Account }) {
  const { t } = useTranslation();
  const toast = useToast();
  const settle = useSettle(account.id);
  const [asked, setAsked] = useState<Settlement | null>(null);
  if (account.unsettled.length === 0) return null;
  const close = () => {
    settle.reset();
    setAsked(null);
  };
  return (
    <Card title={t('unsettled.title')} testId="unsettled-card">
      <ul className="space-y-3">
        {account.unsettled.map((item) => (
          <li key={`${item.type} ${item.name}`} className="border-line rounded-xl border p-3 text-sm">
            <p className="font-semibold">{t(`unsettled.${item.type}`, { name: item.name })}</p>
            {item.type === 'unbooked_fills' ? (
              <p>
                <Shares value={item.quantity} unit /> · <Money value={item.total} />
              </p>
            ) : (
              <p>{t('unsettled.rows', { count: item.rows })}</p>
            )}
            <p className="text-muted mt-1">{t(`unsettled.${item.type}_text`)}</p>
            <div className="mt-2 flex flex-wrap gap-2">
              {actions[item.type].map((action) => (
                <Button
                  key={action}
                  tone={action === 'discard' ? 'plain' : 'primary'}
                  data-testid={`settle-${action}`}
                  onClick={() => setAsked({ type: item.type, name: item.name, action })}
                >
                  {t(`settle.${action}`)}
                </Button>
              ))}
            </div>
          </li>
        ))}
      </ul>
      {asked && (
        <ConfirmDialog
          open
          onClose={close}
          title={t('settle.title', { name: asked.name })}
          confirmLabel={t(`settle.${asked.action}`)}
          tone={asked.action === 'discard' ? 'danger' : 'primary'}
          word={asked.action === 'discard' ? asked.name : undefined}
          busy={settle.isPending}
          error={settle.error}
          testId="settle-dialog"
          onConfirm={() =>
            settle.mutate(asked, {
              onSuccess: () => {
                toast({ text: t('settle.done'), tone: 'ok' });
                close();
              },
            })
          }
        >
          <p className="text-sm">{t(`settle.${asked.action}_text`)}</p>
        </ConfirmDialog>
      )}
    </Card>
  );
}
