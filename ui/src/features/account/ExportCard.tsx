import { useTranslation } from 'react-i18next';
import { useExportAccount } from '../../api/queries/accounts';
import type { Account } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote, Note } from '../../components/ui/feedback';

/** The way back: the account as files of the old program. */
export function ExportCard({ account }: { account: Account }) {
  const { t, i18n } = useTranslation();
  const exporting = useExportAccount(account.id);
  return (
    <Card title={t('export.title')} testId="export">
      <p className="text-sm">{t('export.text')}</p>
      {account.mode === 'trading' && (
        <div className="mt-3">
          <Note tone="warning" testId="export-trading">
            {t('export.stopFirst')}
          </Note>
        </div>
      )}
      <Button
        className="mt-3"
        busy={exporting.isPending}
        onClick={() => exporting.mutate()}
        data-testid="export-download"
      >
        {t('export.download')}
      </Button>
      {exporting.error && <ErrorNote error={exporting.error} />}
      {exporting.data && exporting.data.notes.length > 0 && (
        <div className="mt-3">
          <Note tone="warning" testId="export-notes">
            <p className="font-semibold">{t('export.notes')}</p>
            <ul className="list-disc pl-5">
              {exporting.data.notes.map((note) => {
                const key = `exportNote.${note.code}`;
                return (
                  <li key={`${note.code} ${note.subject} ${note.detail}`}>
                    {note.subject}: {i18n.exists(key) ? t(key, note.values) : note.detail}
                  </li>
                );
              })}
            </ul>
          </Note>
        </div>
      )}
    </Card>
  );
}
