import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useRemovePassphrase, useSetPassphrase } from '../../api/queries/backup';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { When } from '../../components/ui/value';

/** What the family remembers: it opens the history without the recovery key. */
export function PassphraseCard({ since }: { since: string | null }) {
  const { t } = useTranslation();
  const toast = useToast();
  const set = useSetPassphrase();
  const drop = useRemovePassphrase();
  const [text, setText] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    set.mutate(text, {
      onSuccess: () => {
        setText('');
        toast({ text: t('backup.saved'), tone: 'ok' });
      },
    });
  };
  return (
    <Card title={t('backup.passphrase')} testId="passphrase">
      <form className="space-y-3" noValidate onSubmit={submit}>
        <p className="text-muted text-sm">{t('backup.passphraseText')}</p>
        <p className="text-sm" data-testid="passphrase-state">
          {since ? (
            <>
              {t('backup.passphraseSince')} <When at={since} long />
            </>
          ) : (
            t('backup.passphraseOff')
          )}
        </p>
        <TextField
          label={t('backup.passphraseField')}
          hint={t('backup.passphraseHint')}
          type="password"
          autoComplete="off"
          value={text}
          data-testid="passphrase-text"
          onChange={(event) => setText(event.target.value)}
        />
        {(set.error ?? drop.error) && <ErrorNote error={set.error ?? drop.error} />}
        <div className="flex flex-wrap gap-2">
          <Button type="submit" busy={set.isPending} disabled={text.length < 12} data-testid="passphrase-set">
            {t('backup.passphraseSet')}
          </Button>
          {since && (
            <Button busy={drop.isPending} data-testid="passphrase-remove" onClick={() => drop.mutate(undefined)}>
              {t('backup.passphraseRemove')}
            </Button>
          )}
        </div>
      </form>
    </Card>
  );
}
