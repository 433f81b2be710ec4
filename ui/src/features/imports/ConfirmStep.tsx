import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useConfirmImport } from '../../api/queries/imports';
import type { ImportReport, ImportUpload } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { CheckField, SwitchField, TextField } from '../../components/ui/field';
import { When } from '../../components/ui/value';

/** The choices of an import, and its last question. Leaving rows out is asked twice. */
export function ConfirmStep({
  upload,
  onDone,
}: {
  upload: ImportUpload;
  onDone: (result: { account_id: string; report: ImportReport }) => void;
}) {
  const { t } = useTranslation();
  const confirm = useConfirmImport();
  const refused = upload.report.refused?.length ?? 0;
  const unbooked = upload.report.unbooked?.length ?? 0;
  const [name, setName] = useState(upload.account_name);
  const [skip, setSkip] = useState(false);
  const [book, setBook] = useState(false);
  const [relative, setRelative] = useState(true);
  const [asking, setAsking] = useState(false);
  const send = () =>
    confirm.mutate(
      {
        id: upload.id,
        account_name: name.trim() || undefined,
        session_relative: relative,
        ...(refused > 0 && { skip_refused: skip }),
        ...(unbooked > 0 && { book_fills: book }),
      },
      { onSuccess: onDone, onError: () => setAsking(false) },
    );
  return (
    <Card title={t('import.confirmTitle')}>
      <div className="space-y-4">
        <TextField
          label={t('import.accountName')}
          value={name}
          maxLength={40}
          className="max-w-sm"
          data-testid="import-confirm-name"
          onChange={(event) => setName(event.target.value)}
        />
        <SwitchField
          label={t('import.sessionRelative')}
          hint={t('import.sessionRelativeHint')}
          checked={relative}
          data-testid="import-session-relative"
          onChange={(event) => setRelative(event.target.checked)}
        />
        {unbooked > 0 && (
          <SwitchField
            label={t('import.bookFills')}
            hint={t('import.bookFillsHint')}
            checked={book}
            data-testid="import-book-fills"
            onChange={(event) => setBook(event.target.checked)}
          />
        )}
        {refused > 0 && (
          <CheckField
            label={t('import.skipRefused', { count: refused })}
            hint={t('import.skipRefusedHint')}
            checked={skip}
            data-testid="import-skip-refused"
            onChange={(event) => setSkip(event.target.checked)}
          />
        )}
        <Note>{t('import.observeNote')}</Note>
        <p className="text-muted text-xs">
          {t('import.expires')} <When at={upload.expires_at} long />
        </p>
        {confirm.error && <ErrorNote error={confirm.error} />}
        <Button
          tone="primary"
          busy={confirm.isPending}
          disabled={refused > 0 && !skip}
          data-testid="import-confirm"
          onClick={() => (skip ? setAsking(true) : send())}
        >
          {t('import.confirm')}
        </Button>
      </div>
      {asking && (
        <ConfirmDialog
          open
          onClose={() => setAsking(false)}
          title={t('import.skipTitle', { count: refused })}
          confirmLabel={t('import.confirm')}
          busy={confirm.isPending}
          testId="import-skip-dialog"
          onConfirm={send}
        >
          <p className="text-sm">{t('import.skipText', { count: refused })}</p>
        </ConfirmDialog>
      )}
    </Card>
  );
}
