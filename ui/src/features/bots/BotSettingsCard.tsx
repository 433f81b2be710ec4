import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { get } from '../../api/client';
import { isConflict } from '../../api/errors';
import { useSaveBot } from '../../api/queries/bots';
import { keys } from '../../api/queries/keys';
import type { Bot, BotSettings } from '../../api/types';
import { Card } from '../../components/ui/card';
import { ErrorNote } from '../../components/ui/feedback';
import { useToast } from '../../components/ui/toast';
import { refusedFields } from '../../lib/forms';
import { BotForm, useBotForm } from './BotForm';
import { ConflictNote } from './ConflictNote';
import { botFields, patchOf, textOf } from './settings';

interface Conflict {
  theirs: Bot;
  mine: Partial<BotSettings>;
}

/** Edits a bot. The form keeps the state that it was opened with; live updates do not disturb what is being typed. */
export function BotSettingsCard({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const save = useSaveBot(bot.id);
  const [base, setBase] = useState(bot);
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const form = useBotForm(textOf(bot));

  // Nothing typed yet: follow the server, whose version also moves when a bot trades.
  const untouched = !form.formState.isDirty && !save.isPending && conflict === null;
  useEffect(() => {
    if (!untouched || bot.version <= base.version) return;
    setBase(bot);
    form.reset(textOf(bot));
  }, [untouched, bot, base.version, form]);

  const reset = (to: Bot) => {
    setBase(to);
    setConflict(null);
    save.reset();
    form.reset(textOf(to));
  };

  const send = (version: number, changes: Partial<BotSettings>) => {
    const { name: _, ...rest } = changes;
    save.mutate(
      { version, ...rest },
      {
        onSuccess: (saved) => {
          reset(saved);
          toast({ text: t('bots.saved', { bot: saved.name }), tone: 'ok', testId: 'bot-saved' });
        },
        onError: async (error) => {
          for (const { field, detail } of refusedFields(error, botFields)) {
            form.setError(field as keyof BotSettings, { message: detail });
          }
          if (!isConflict(error)) return;
          const theirs = await get<Bot>(`trading/bots/${encodeURIComponent(bot.id)}`).catch(() => null);
          if (!theirs) return;
          client.setQueryData(keys.bot(bot.id), theirs);
          setConflict({ theirs, mine: changes });
        },
      },
    );
  };

  const submit = (settings: BotSettings) => {
    const changes = patchOf(base, settings);
    if (Object.keys(changes).length === 0) {
      toast({ text: t('common.nothingChanged') });
      return;
    }
    send(base.version, changes);
  };

  return (
    <Card title={t('bots.settings')}>
      <BotForm form={form} onSubmit={submit} busy={save.isPending} submitLabel={t('common.save')}>
        {conflict ? (
          <ConflictNote
            base={base}
            theirs={conflict.theirs}
            mine={conflict.mine}
            onTheirs={() => reset(conflict.theirs)}
            onMine={() => {
              const { theirs, mine } = conflict;
              setBase(theirs);
              setConflict(null);
              send(theirs.version, mine);
            }}
          />
        ) : (
          save.error && <ErrorNote error={save.error} />
        )}
      </BotForm>
    </Card>
  );
}
