import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useImportUser } from '../../api/queries/leaving';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { FileField } from '../../components/ui/field';
import { When } from '../../components/ui/value';

/** Brings the export of another EggMoney along. */
export function UserImportCard() {
  const { t } = useTranslation();
  const importing = useImportUser();
  const [file, setFile] = useState<File | undefined>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (file) importing.mutate(file);
  };
  const report = importing.data;
  return (
    <Card title={t('transfer.title')} testId="user-import">
      {report ? (
        <Note tone="ok" testId="user-import-done">
          <p>
            {t('transfer.done', { user: report.username })} <When at={report.made_at} long />
          </p>
          <p className="font-semibold break-all">{report.accounts.join(', ')}</p>
          <p>{t('transfer.next')}</p>
        </Note>
      ) : (
        <form onSubmit={submit} className="space-y-4">
          <p className="text-sm">{t('transfer.text')}</p>
          <FileField
            label={t('transfer.file')}
            hint={t('transfer.fileHint')}
            required
            data-testid="user-import-file"
            file={file}
            onFile={setFile}
          />
          {importing.error && <ErrorNote error={importing.error} />}
          <Button type="submit" busy={importing.isPending} disabled={!file} data-testid="user-import-submit">
            {t('transfer.submit')}
          </Button>
        </form>
      )}
    </Card>
  );
}
