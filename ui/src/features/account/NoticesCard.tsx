import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSaveHtsId } from '../../api/queries/accounts';
import type { Account } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote, Foreign } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';

const TONES = { live: 'green', connecting: 'grey', interrupted: 'amber', no_hts_id: 'grey' } as const;

/** How fills are heard of: at once by the broker's notices, or within seconds by asking. */
export function NoticesCard({ account }: { account: Account }) {
  const { t } = useTranslation();
  const save = useSaveHtsId(account.id);
  const [text, setText] = useState('');
  const known = account.broker_key?.has_hts_id ?? false;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(text.trim(), { onSuccess: () => setText('') });
  };
  if (!account.broker_key?.present) return null;
  return (
    <Card
      title={t('notices.title')}
      actions={<Badge tone={TONES[account.notices]}>{t(`notices.${account.notices}`)}</Badge>}
      testId="notices"
    >
      <p className="text-sm">{t(`notices.${account.notices}Text`)}</p>
      {account.notices_detail && <Foreign text={account.notices_detail} />}
      <form onSubmit={submit} className="mt-3 flex flex-wrap items-end gap-2">
        <TextField
          className="min-w-40 flex-1"
          label={t('notices.htsId')}
          value={text}
          placeholder={known ? '••••' : ''}
          autoComplete="off"
          spellCheck={false}
          maxLength={40}
          data-testid="hts-id"
          onChange={(event) => setText(event.target.value)}
        />
        <Button type="submit" busy={save.isPending} disabled={text.trim() === ''} data-testid="hts-id-save">
          {t('common.save')}
        </Button>
        {known && (
          <Button tone="quiet" onClick={() => save.mutate(null)}>
            {t('common.delete')}
          </Button>
        )}
      </form>
      <p className="text-muted mt-1 text-xs">{t('notices.htsIdHint')}</p>
      {save.error && (
        <div className="mt-3">
          <ErrorNote error={save.error} />
        </div>
      )}
    </Card>
  );
}
