import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSaveBackupSettings } from '../../api/queries/backup';
import type { BackupSettings } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote } from '../../components/ui/feedback';
import { SwitchField, TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { issueText, wholeField } from '../../lib/forms';

const NUMBERS = {
  daily: { label: 'backup.daily', min: '1', max: '60' },
  weekly: { label: 'backup.weekly', min: '0', max: '60' },
  monthly: { label: 'backup.monthly', min: '0', max: '60' },
  min_free_mib: { label: 'backup.minFree', min: '64', max: '16777216' },
} as const;
type Name = keyof typeof NUMBERS;
const NAMES = Object.keys(NUMBERS) as Name[];

/** When backups are made and which are kept. */
export function SettingsCard({ settings }: { settings: BackupSettings }) {
  const { t } = useTranslation();
  const toast = useToast();
  const save = useSaveBackupSettings();
  const [enabled, setEnabled] = useState(settings.enabled);
  const [at, setAt] = useState(settings.at);
  const [texts, setTexts] = useState<Record<Name, string>>({
    daily: String(settings.daily),
    weekly: String(settings.weekly),
    monthly: String(settings.monthly),
    min_free_mib: String(settings.min_free_mib),
  });
  const read = (name: Name) => wholeField({ min: NUMBERS[name].min, max: NUMBERS[name].max }).safeParse(texts[name]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const numbers = NAMES.map((name) => [name, read(name).data] as const);
    if (numbers.some(([, value]) => value === undefined)) return;
    const wanted = { ...settings, ...Object.fromEntries(numbers), enabled, at: at.trim() };
    save.mutate(wanted, { onSuccess: () => toast({ text: t('backup.saved'), tone: 'ok', testId: 'backup-saved' }) });
  };
  return (
    <Card title={t('backup.settings')} testId="backup-settings">
      <form className="space-y-3" noValidate onSubmit={submit}>
        <SwitchField
          label={t('backup.enabled')}
          checked={enabled}
          data-testid="backup-enabled"
          onChange={(event) => setEnabled(event.target.checked)}
        />
        <TextField
          label={t('backup.at')}
          hint={t('backup.atHint')}
          value={at}
          inputMode="numeric"
          autoComplete="off"
          data-testid="backup-at"
          onChange={(event) => setAt(event.target.value)}
        />
        <div className="grid gap-3 sm:grid-cols-2">
          {NAMES.map((name) => (
            <TextField
              key={name}
              label={t(NUMBERS[name].label)}
              value={texts[name]}
              error={issueText(t, read(name).error?.issues[0]?.message)}
              inputMode="numeric"
              autoComplete="off"
              data-testid={`backup-${name}`}
              onChange={(event) => setTexts({ ...texts, [name]: event.target.value })}
            />
          ))}
        </div>
        {save.error && <ErrorNote error={save.error} />}
        <Button type="submit" busy={save.isPending} data-testid="backup-save">
          {t('common.save')}
        </Button>
      </form>
    </Card>
  );
}
