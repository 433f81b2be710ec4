import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useRemoveTelegram, useSaveTelegram, useSendStatus, useTestTelegram } from '../../api/queries/accounts';
import type { Account } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card, Facts } from '../../components/ui/card';
import { ErrorNote, Foreign, Note } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';

/** Where the account's messages go. */
export function TelegramCard({ account }: { account: Account }) {
  const { t } = useTranslation();
  const toast = useToast();
  const connected = account.telegram?.present ?? false;
  const [editing, setEditing] = useState(false);
  const [token, setToken] = useState('');
  const [chat, setChat] = useState('');
  const save = useSaveTelegram(account.id);
  const remove = useRemoveTelegram(account.id);
  const test = useTestTelegram(account.id);
  const status = useSendStatus(account.id);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(
      { bot_token: token.trim(), chat_id: chat.trim() },
      {
        onSuccess: () => {
          setToken('');
          setEditing(false);
          toast({ text: t('telegram.saved'), tone: 'ok' });
        },
      },
    );
  };
  return (
    <Card title={t('telegram.title')} testId="telegram">
      {connected && (
        <Facts items={[{ label: t('telegram.chatId'), value: <code>{account.telegram?.chat_id}</code> }]} />
      )}
      <div className="mt-3 flex flex-wrap gap-2">
        {connected && (
          <Button busy={test.isPending} onClick={() => test.mutate()} data-testid="telegram-test">
            {t('telegram.test')}
          </Button>
        )}
        <Button
          busy={status.isPending}
          data-testid="send-status"
          onClick={() =>
            status.mutate(undefined, {
              onSuccess: ({ messages }) => toast({ text: t('telegram.sent', { count: messages }), tone: 'ok' }),
            })
          }
        >
          {t('telegram.sendStatus')}
        </Button>
        {connected && (
          <>
            <Button onClick={() => setEditing(!editing)} aria-expanded={editing}>
              {t('brokerKey.replace')}
            </Button>
            <Button tone="quiet" busy={remove.isPending} onClick={() => remove.mutate(undefined)}>
              {t('telegram.disconnect')}
            </Button>
          </>
        )}
      </div>
      {test.data && (
        <div className="mt-3">
          <Note tone={test.data.ok ? 'ok' : 'error'}>
            {t(test.data.code ? `errors.${test.data.code}` : 'telegram.arrived')}
            <Foreign text={test.data.detail} />
          </Note>
        </div>
      )}
      {[test.error, status.error, remove.error].filter(Boolean).map((error) => (
        <div key={String(error)} className="mt-3">
          <ErrorNote error={error} />
        </div>
      ))}
      {(!connected || editing) && (
        <form onSubmit={submit} className="mt-4 space-y-4">
          <Note>{t('telegram.help')}</Note>
          <TextField
            label={t('telegram.botToken')}
            type="password"
            autoComplete="new-password"
            value={token}
            data-testid="telegram-token"
            onChange={(event) => setToken(event.target.value)}
          />
          <TextField
            label={t('telegram.chatId')}
            autoComplete="off"
            value={chat}
            data-testid="telegram-chat"
            onChange={(event) => setChat(event.target.value)}
          />
          {save.error && <ErrorNote error={save.error} />}
          <Button
            type="submit"
            tone="primary"
            busy={save.isPending}
            disabled={token.trim() === '' || chat.trim() === ''}
            data-testid="telegram-save"
          >
            {t('telegram.save')}
          </Button>
        </form>
      )}
    </Card>
  );
}
