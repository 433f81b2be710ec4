import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useExpiries, useSetAccountEnds } from '../../api/queries/observation';
import type { Account, Expiry } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ExpiryTable } from '../../components/ui/expiries';
import { ErrorNote, QueryView } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';

/** When the account's broker key and its mock trading term end. */
export function EndsCard({ account }: { account: Account }) {
  const { t } = useTranslation();
  const query = useExpiries();
  const rows = query.data?.items.filter((item) => item.account_id === account.id) ?? [];
  if (query.data && rows.length === 0) return null;
  return (
    <Card title={t('expiry.title')} testId="account-ends">
      <QueryView query={query} rows={1}>
        {() => (
          <div className="space-y-4">
            <ExpiryTable label={t('expiry.title')} rows={rows} />
            <Dates key={JSON.stringify(rows)} account={account} rows={rows} />
          </div>
        )}
      </QueryView>
    </Card>
  );
}

function Dates({ account, rows }: { account: Account; rows: Expiry[] }) {
  const { t } = useTranslation();
  const toast = useToast();
  const save = useSetAccountEnds(account.id);
  const known = (what: Expiry['what']) => rows.find((item) => item.what === what && !item.estimated)?.on ?? '';
  const [keyUntil, setKeyUntil] = useState(known('broker_key'));
  const [mockUntil, setMockUntil] = useState(known('mock_term'));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(
      { key_until: keyUntil || null, mock_until: mockUntil || null },
      { onSuccess: () => toast({ text: t('expiry.saved'), tone: 'ok' }) },
    );
  };
  return (
    <form onSubmit={submit} className="space-y-3">
      <TextField
        label={t('expiry.keyUntil')}
        hint={t('expiry.keyUntilHint')}
        type="date"
        value={keyUntil}
        data-testid="ends-key"
        onChange={(event) => setKeyUntil(event.target.value)}
      />
      {rows.some((item) => item.what === 'mock_term') && (
        <TextField
          label={t('expiry.mockUntil')}
          type="date"
          value={mockUntil}
          data-testid="ends-mock"
          onChange={(event) => setMockUntil(event.target.value)}
        />
      )}
      {save.error && <ErrorNote error={save.error} />}
      <div className="flex justify-end">
        <Button type="submit" busy={save.isPending} data-testid="ends-save">
          {t('common.save')}
        </Button>
      </div>
    </form>
  );
}
