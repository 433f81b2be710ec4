import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError, isConflict } from '../../api/errors';
import { useSaveSchedule } from '../../api/queries/accounts';
import { keys } from '../../api/queries/keys';
import type { Account, Schedule, ScheduleView } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote, Note, useFieldText } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { RuleEditor, ruleError } from './RuleEditor';

const RULES = ['decision', 'twap_start', 'twap_end', 'closing_buy'] as const;
const MOST_SLICES = 60;

/** The server names what it refused as `/schedule/<field>`. */
function scheduleRefusals(error: unknown) {
  if (!(error instanceof ApiError)) return [];
  return (error.problem.errors ?? []).map((item) => ({ ...item, field: item.pointer.split('/').at(-1) ?? '' }));
}

export function ScheduleForm({ account, view }: { account: Account; view: ScheduleView }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const save = useSaveSchedule(account.id);
  const [edited, setEdited] = useState<Schedule | null>(null);
  const schedule = edited ?? view.schedule;
  const countError =
    Number.isInteger(schedule.twap_count) && schedule.twap_count >= 1 && schedule.twap_count <= MOST_SLICES
      ? undefined
      : t('schedule.countRange', { most: MOST_SLICES });
  const valid = !countError && RULES.every((name) => ruleError(schedule[name]) === null);
  const fieldText = useFieldText();
  const refused = Object.fromEntries(scheduleRefusals(save.error).map((item) => [item.field, fieldText(item)]));
  const change = (part: Partial<Schedule>) => {
    save.reset();
    setEdited({ ...schedule, ...part });
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!valid) return;
    save.mutate(
      { version: account.version, schedule },
      {
        onSuccess: () => {
          setEdited(null);
          toast({ text: t('schedule.saved'), tone: 'ok', testId: 'schedule-saved' });
        },
        onError: (error) => {
          if (isConflict(error)) void client.invalidateQueries({ queryKey: keys.accounts });
        },
      },
    );
  };

  return (
    <Card title={t('schedule.edit')}>
      <form onSubmit={submit} noValidate className="space-y-4">
        {RULES.map((name) => {
          const error = ruleError(schedule[name]);
          return (
            <RuleEditor
              key={name}
              name={name}
              rule={schedule[name]}
              error={error ? t(error) : refused[name]}
              onChange={(rule) => change({ [name]: rule })}
            />
          );
        })}
        <TextField
          label={t('schedule.twap_count')}
          type="number"
          min={1}
          max={MOST_SLICES}
          value={Number.isNaN(schedule.twap_count) ? '' : schedule.twap_count}
          error={countError ?? refused.twap_count}
          data-testid="schedule-count"
          className="max-w-40"
          onChange={(event) =>
            change({ twap_count: event.target.value === '' ? Number.NaN : Number(event.target.value) })
          }
        />
        {save.error && <ErrorNote error={save.error} />}
        {isConflict(save.error) && <Note tone="warning">{t('conflict.reloaded')}</Note>}
        <div className="flex flex-wrap justify-end gap-2">
          <Button disabled={!edited} onClick={() => setEdited(null)}>
            {t('common.cancel')}
          </Button>
          <Button
            type="submit"
            tone="primary"
            busy={save.isPending}
            disabled={!edited || !valid}
            data-testid="schedule-save"
          >
            {t('common.save')}
          </Button>
        </div>
      </form>
    </Card>
  );
}
