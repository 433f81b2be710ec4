import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { proof } from '../../api/proof';
import { useStepUp } from '../../api/queries/auth';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { ErrorNote } from '../ui/feedback';
import { TextField } from '../ui/field';

/** Asks for the password or a code when a call needs it, and lets the call go on. */
export function ProofDialog() {
  const { t } = useTranslation();
  const stepUp = useStepUp();
  const answer = useRef<((proved: boolean) => void) | null>(null);
  const [open, setOpen] = useState(false);
  const [text, setText] = useState('');

  useEffect(
    () =>
      proof.askWith(
        () =>
          new Promise<boolean>((resolve) => {
            answer.current = resolve;
            setOpen(true);
          }),
      ),
    [],
  );

  const end = (proved: boolean) => {
    setOpen(false);
    setText('');
    stepUp.reset();
    answer.current?.(proved);
    answer.current = null;
  };

  return (
    <Dialog open={open} onClose={() => end(false)} title={t('proof.title')} testId="proof">
      <form
        className="space-y-4"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          stepUp.mutate(text, { onSuccess: () => end(true) });
        }}
      >
        <p className="text-sm">{t('proof.text')}</p>
        <TextField
          label={t('proof.field')}
          type="password"
          autoComplete="current-password"
          autoFocus
          value={text}
          data-testid="proof-text"
          onChange={(event) => setText(event.target.value)}
        />
        {stepUp.error && <ErrorNote error={stepUp.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={() => end(false)}>{t('common.cancel')}</Button>
          <Button
            type="submit"
            tone="primary"
            busy={stepUp.isPending}
            disabled={text === ''}
            data-testid="proof-confirm"
          >
            {t('proof.confirm')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
