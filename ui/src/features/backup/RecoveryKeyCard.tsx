import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAnswerWords, useShowRecoveryKey } from '../../api/queries/backup';
import type { Backups, RecoveryKey } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card, Facts } from '../../components/ui/card';
import { Dialog } from '../../components/ui/dialog';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { Missing, When } from '../../components/ui/value';

/** The twelve words: shown after a proof, asked for twice a year. */
export function RecoveryKeyCard({ state }: { state: Backups['recovery_key'] }) {
  const { t } = useTranslation();
  const show = useShowRecoveryKey();
  const at = (time: string | null) => (time ? <When at={time} long /> : <Missing />);
  return (
    <Card
      title={t('backup.key')}
      testId="recovery-key"
      actions={
        <Button
          tone={state.shown_at ? 'plain' : 'primary'}
          busy={show.isPending}
          data-testid="recovery-key-show"
          onClick={() => show.mutate(undefined)}
        >
          {t('backup.show')}
        </Button>
      }
    >
      <div className="space-y-3">
        <p className="text-muted text-sm">{t('backup.keyText')}</p>
        {!state.shown_at && (
          <Note tone="warning" testId="recovery-key-unseen">
            {t('backup.keyUnseen')}
          </Note>
        )}
        {state.asked && <Question places={state.asked} />}
        {state.shown_at && (
          <Facts
            columns={3}
            items={[
              { label: t('backup.keySeen'), value: at(state.shown_at) },
              { label: t('backup.keyProved'), value: at(state.proved_at) },
              { label: t('backup.keyNext'), value: at(state.ask_at) },
            ]}
          />
        )}
        {show.error && <ErrorNote error={show.error} />}
      </div>
      {show.data && <Words recovery={show.data} onClose={() => show.reset()} />}
    </Card>
  );
}

function Words({ recovery, onClose }: { recovery: RecoveryKey; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('backup.key')}
      testId="recovery-key-dialog"
      footer={
        <Button tone="primary" data-testid="recovery-key-kept" onClick={onClose}>
          {t('backup.written')}
        </Button>
      }
    >
      <Note tone="warning">{t('backup.keyText')}</Note>
      <ol className="grid grid-cols-2 gap-x-4 gap-y-1 sm:grid-cols-3" data-testid="recovery-key-words">
        {recovery.words.map((word, index) => (
          <li key={word + index.toString()} translate="no">
            <span className="num text-muted inline-block w-6">{index + 1}</span>
            <code>{word}</code>
          </li>
        ))}
      </ol>
      <img
        src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(recovery.qr_svg)}`}
        alt={t('backup.qr')}
        className="mx-auto w-56 rounded-lg bg-white p-2"
      />
      <p className="text-muted text-xs">
        {t('backup.keyId')} <code>{recovery.id}</code>
      </p>
    </Dialog>
  );
}

function Question({ places }: { places: number[] }) {
  const { t } = useTranslation();
  const toast = useToast();
  const answer = useAnswerWords();
  const [first, setFirst] = useState('');
  const [second, setSecond] = useState('');
  const field = (place: number | undefined, value: string, set: (text: string) => void, testId: string) => (
    <TextField
      label={t('backup.word', { place })}
      value={value}
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
      data-testid={testId}
      onChange={(event) => set(event.target.value)}
    />
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    answer.mutate(
      { first, second },
      { onSuccess: () => toast({ text: t('backup.proved'), tone: 'ok', testId: 'words-right' }) },
    );
  };
  return (
    <form
      className="border-warn space-y-3 rounded-xl border p-3"
      noValidate
      data-testid="recovery-key-question"
      onSubmit={submit}
    >
      <p className="text-sm">{t('backup.ask')}</p>
      <div className="grid gap-3 sm:grid-cols-2">
        {field(places[0], first, setFirst, 'word-first')}
        {field(places[1], second, setSecond, 'word-second')}
      </div>
      {answer.error && <ErrorNote error={answer.error} />}
      <Button
        type="submit"
        tone="primary"
        busy={answer.isPending}
        disabled={!first.trim() || !second.trim()}
        data-testid="words-check"
      >
        {t('backup.check')}
      </Button>
    </form>
  );
}
