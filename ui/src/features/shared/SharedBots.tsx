import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useCreateSharedBot, useDeleteSharedBot, useSaveSharedBot, useSharedBots } from '../../api/queries/sharing';
import type { Bot, BotSettings, ReceivedGrant } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ConfirmDialog, Dialog } from '../../components/ui/dialog';
import { Empty, ErrorNote, Note, QueryView } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { Money, Price, Shares } from '../../components/ui/value';
import { turns } from '../../lib/format';
import { refusedFields } from '../../lib/forms';
import { BotForm, type BotFormApi, botFields, newBotText, patchOf, textOf, useBotForm } from '../bots';

type Asked = { what: 'new' } | { what: 'edit' | 'delete'; bot: Bot } | null;

/** The bots of a shared account; with the grant for it they are made, changed and deleted here. */
export function SharedBots({ grant, accountId }: { grant: ReceivedGrant; accountId: string | undefined }) {
  const { t } = useTranslation();
  const query = useSharedBots(grant.id);
  const manages = grant.kind === 'manage_bots';
  const [asked, setAsked] = useState<Asked>(null);
  const close = () => setAsked(null);
  return (
    <Card
      title={t('nav.bots')}
      testId="shared-bots"
      actions={
        manages &&
        accountId && (
          <Button onClick={() => setAsked({ what: 'new' })} data-testid="shared-bot-new">
            {t('bots.create')}
          </Button>
        )
      }
    >
      <QueryView
        query={query}
        rows={1}
        isEmpty={(data) => data.items.length === 0}
        empty={<Empty title={t('bots.none')} />}
      >
        {(data) => (
          <DataTable
            label={t('nav.bots')}
            rows={data.items}
            rowKey={(bot) => bot.id}
            rowTestId="shared-bot-row"
            columns={[
              {
                id: 'name',
                header: t('botField.name'),
                lead: true,
                cell: (bot) => (
                  <>
                    <strong className="wrap-anywhere">{bot.name}</strong>{' '}
                    <span className="text-muted">{bot.symbol}</span>{' '}
                    <Badge tone={bot.active ? 'green' : 'grey'}>{t(bot.active ? 'bots.active' : 'bots.paused')}</Badge>
                  </>
                ),
              },
              { id: 'seed', header: t('botField.seed'), right: true, cell: (bot) => <Money value={bot.seed} /> },
              {
                id: 'holding',
                header: t('bots.holding'),
                right: true,
                cell: (bot) =>
                  bot.holding ? (
                    <>
                      <Shares value={bot.holding.quantity} /> × <Price value={bot.holding.average_price} />
                    </>
                  ) : (
                    t('bots.noHolding')
                  ),
              },
              { id: 't', header: 'T', right: true, cell: (bot) => turns(bot.t, bot.max_tier) },
              ...(manages
                ? [
                    {
                      id: 'actions',
                      header: t('common.actions'),
                      buttons: true,
                      cell: (bot: Bot) => (
                        <span className="inline-flex gap-1">
                          <Button
                            tone="quiet"
                            className="min-h-8 px-2 py-0"
                            data-testid="shared-bot-edit"
                            onClick={() => setAsked({ what: 'edit', bot })}
                          >
                            {t('bots.settings')}
                          </Button>
                          <Button
                            tone="quiet"
                            className="min-h-8 px-2 py-0"
                            onClick={() => setAsked({ what: 'delete', bot })}
                          >
                            {t('common.delete')}
                          </Button>
                        </span>
                      ),
                    },
                  ]
                : []),
            ]}
          />
        )}
      </QueryView>
      {asked?.what === 'new' && accountId && <NewDialog grant={grant.id} accountId={accountId} onClose={close} />}
      {asked?.what === 'edit' && <EditDialog grant={grant.id} bot={asked.bot} onClose={close} />}
      {asked?.what === 'delete' && <DeleteDialog grant={grant.id} bot={asked.bot} onClose={close} />}
    </Card>
  );
}

function showRefused(form: BotFormApi, error: unknown): void {
  for (const { field, detail } of refusedFields(error, botFields)) {
    form.setError(field as keyof BotSettings, { message: detail });
  }
}

function NewDialog({ grant, accountId, onClose }: { grant: string; accountId: string; onClose: () => void }) {
  const { t } = useTranslation();
  const create = useCreateSharedBot(grant);
  const form = useBotForm(newBotText);
  const submit = (settings: BotSettings) =>
    create.mutate(
      { account_id: accountId, ...settings },
      { onSuccess: onClose, onError: (error) => showRefused(form, error) },
    );
  return (
    <Dialog open onClose={onClose} title={t('bots.create')} testId="shared-bot-dialog">
      <BotForm form={form} onSubmit={submit} withName busy={create.isPending} submitLabel={t('bots.create')}>
        {create.error && <ErrorNote error={create.error} />}
      </BotForm>
    </Dialog>
  );
}

function EditDialog({ grant, bot, onClose }: { grant: string; bot: Bot; onClose: () => void }) {
  const { t } = useTranslation();
  const save = useSaveSharedBot(grant, bot.id);
  const form = useBotForm(textOf(bot));
  const submit = (settings: BotSettings) => {
    const changes = patchOf(bot, settings);
    if (Object.keys(changes).length === 0) return onClose();
    // With the version that was opened: who saves later is told that it was changed meanwhile.
    save.mutate(
      { version: bot.version, ...changes },
      { onSuccess: onClose, onError: (error) => showRefused(form, error) },
    );
  };
  return (
    <Dialog open onClose={onClose} title={`${bot.name} · ${t('bots.settings')}`} testId="shared-bot-dialog">
      <BotForm form={form} onSubmit={submit} busy={save.isPending} submitLabel={t('common.save')}>
        {save.error && <ErrorNote error={save.error} />}
      </BotForm>
    </Dialog>
  );
}

function DeleteDialog({ grant, bot, onClose }: { grant: string; bot: Bot; onClose: () => void }) {
  const { t } = useTranslation();
  const remove = useDeleteSharedBot(grant);
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`${bot.name} · ${t('common.delete')}`}
      confirmLabel={t('common.delete')}
      busy={remove.isPending}
      error={remove.error}
      testId="shared-bot-delete"
      onConfirm={() => remove.mutate(bot.id, { onSuccess: onClose })}
    >
      <Note tone="warning">{t('shared.deleteBot')}</Note>
    </ConfirmDialog>
  );
}
