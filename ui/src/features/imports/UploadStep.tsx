import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useUploadImport } from '../../api/queries/imports';
import type { ImportUpload } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { FileField, SwitchField, TextField } from '../../components/ui/field';
import { accountOf, syncOf } from './suggest';

interface Chosen {
  db?: File;
  keyStore?: File;
  env?: File;
}

export function UploadStep({ onDone }: { onDone: (upload: ImportUpload) => void }) {
  const { t } = useTranslation();
  const upload = useUploadImport();
  const [files, setFiles] = useState<Chosen>({});
  const [name, setName] = useState('');
  const [sync, setSync] = useState(true);

  const choose = (kind: keyof Chosen) => (file: File | undefined) => {
    setFiles((all) => ({ ...all, [kind]: file }));
    // The old file name tells the old account's name; the person may change it.
    const suggestion = kind === 'db' && file ? accountOf(file.name) : null;
    if (suggestion && name === '') {
      setName(suggestion);
      setSync(syncOf(suggestion));
    }
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!files.db) return;
    upload.mutate(
      { db: files.db, keyStore: files.keyStore, env: files.env, accountName: name.trim() || undefined, botSync: sync },
      { onSuccess: onDone },
    );
  };

  return (
    <Card>
      <form onSubmit={submit} className="space-y-4">
        <Note>
          <p className="font-semibold">{t('import.whenTitle')}</p>
          <p>{t('import.whenText')}</p>
        </Note>
        <div className="grid gap-4 lg:grid-cols-3">
          <FileField
            label={t('import.db')}
            hint={t('import.dbHint')}
            required
            data-testid="import-db"
            file={files.db}
            onFile={choose('db')}
          />
          <FileField
            label={t('import.keyStore')}
            hint={t('import.keyStoreHint')}
            data-testid="import-key-store"
            file={files.keyStore}
            onFile={choose('keyStore')}
          />
          <FileField
            label={t('import.env')}
            hint={t('import.envHint')}
            data-testid="import-env"
            file={files.env}
            onFile={choose('env')}
          />
        </div>
        <TextField
          label={t('import.accountName')}
          hint={t('import.accountNameHint')}
          value={name}
          maxLength={40}
          data-testid="import-account-name"
          className="max-w-sm"
          onChange={(event) => setName(event.target.value)}
        />
        <SwitchField
          label={t('account.botSync')}
          hint={t('import.botSyncHint')}
          checked={sync}
          data-testid="import-bot-sync"
          className="max-w-sm"
          onChange={(event) => setSync(event.target.checked)}
        />
        {upload.error && <ErrorNote error={upload.error} />}
        <Button type="submit" tone="primary" busy={upload.isPending} disabled={!files.db} data-testid="import-upload">
          {t('import.rehearse')}
        </Button>
      </form>
    </Card>
  );
}
