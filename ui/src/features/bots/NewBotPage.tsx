import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useCreateBot } from '../../api/queries/bots';
import type { Account, BotSettings } from '../../api/types';
import { WithBots } from '../../components/layout/paper';
import { Card, PageHead } from '../../components/ui/card';
import { ErrorNote } from '../../components/ui/feedback';
import { useToast } from '../../components/ui/toast';
import { refusedFields } from '../../lib/forms';
import { BotForm, useBotForm } from './BotForm';
import { botFields, newBotText } from './settings';

export function NewBotPage() {
  const { t } = useTranslation();
  return <WithBots title={t('bots.create')}>{(account) => <NewBot account={account} />}</WithBots>;
}

function NewBot({ account }: { account: Account }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const toast = useToast();
  const create = useCreateBot();
  const form = useBotForm(newBotText);

  const submit = (settings: BotSettings) =>
    create.mutate(
      { account_id: account.id, ...settings },
      {
        onSuccess: (bot) => {
          toast({ text: t('bots.created', { bot: bot.name }), tone: 'ok' });
          void navigate(`/bots/${bot.id}`);
        },
        onError: (error) => {
          for (const { field, detail } of refusedFields(error, botFields)) {
            form.setError(field as keyof BotSettings, { message: detail });
          }
        },
      },
    );

  return (
    <>
      <PageHead title={t('bots.create')} sub={account.name} />
      <Card>
        <BotForm form={form} onSubmit={submit} withName busy={create.isPending} submitLabel={t('bots.create')}>
          {create.error && <ErrorNote error={create.error} />}
        </BotForm>
      </Card>
    </>
  );
}
