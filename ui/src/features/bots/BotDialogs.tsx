import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useDeleteBot, useRenameBot } from '../../api/queries/bots';
import type { Bot } from '../../api/types';
import { Button } from '../../components/ui/button';
import { ConfirmDialog, Dialog } from '../../components/ui/dialog';
import { ErrorNote } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';

export function RenameBotDialog({ bot, onClose }: { bot: Bot; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const rename = useRenameBot(bot.id);
  const [name, setName] = useState(bot.name);
  const next = name.trim();
  const submit = () =>
    rename.mutate(
      { version: bot.version, name: next },
      {
        onSuccess: () => {
          toast({ text: t('bots.renamed', { bot: next }), tone: 'ok' });
          onClose();
        },
      },
    );
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('bots.rename')}
      testId="bot-rename"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            tone="primary"
            busy={rename.isPending}
            disabled={next === '' || next === bot.name}
            onClick={submit}
            data-testid="bot-rename-confirm"
          >
            {t('bots.rename')}
          </Button>
        </>
      }
    >
      <p className="text-sm">{t('bots.renameText')}</p>
      <TextField
        label={t('botField.name')}
        value={name}
        maxLength={40}
        data-testid="bot-rename-name"
        onChange={(event) => setName(event.target.value)}
      />
      {rename.error && <ErrorNote error={rename.error} />}
    </Dialog>
  );
}

export function DeleteBotDialog({ bot, onClose }: { bot: Bot; onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const toast = useToast();
  const remove = useDeleteBot(bot.id);
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('bots.deleteTitle', { bot: bot.name })}
      confirmLabel={t('common.delete')}
      word={bot.name}
      busy={remove.isPending}
      error={remove.error}
      testId="bot-delete"
      onConfirm={() =>
        remove.mutate(undefined, {
          onSuccess: () => {
            toast({ text: t('bots.deleted', { bot: bot.name }), tone: 'ok' });
            void navigate('/bots');
          },
        })
      }
    >
      <p className="text-sm">{t('bots.deleteText')}</p>
    </ConfirmDialog>
  );
}
