import { zodResolver } from '@hookform/resolvers/zod';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { useRemoveBrokerKey, useSaveBrokerKey, useTestBrokerKey } from '../../api/queries/accounts';
import type { Account } from '../../api/types';
import { EnvironmentBadge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card, Facts } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { SelectField, TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { issueText, refusedFields } from '../../lib/forms';
import { CheckList } from './CheckList';

const schema = z.object({
  environment: z.enum(['mock', 'live']),
  app_key: z.string().trim().min(1, 'form.required'),
  app_secret: z.string().trim().min(1, 'form.required'),
  account_no: z
    .string()
    .trim()
    .regex(/^\d{8}-\d{2}$/, 'form.accountNo'),
});
type Text = z.infer<typeof schema>;
const FIELDS = ['environment', 'app_key', 'app_secret', 'account_no'] as const;

/** The broker key: shown masked, replaced as a whole, tested on request. */
export function BrokerKeyCard({ account }: { account: Account }) {
  const { t } = useTranslation();
  const [editing, setEditing] = useState(!account.broker_key?.present);
  const [removing, setRemoving] = useState(false);
  const remove = useRemoveBrokerKey(account.id);
  const test = useTestBrokerKey(account.id);
  const key = account.broker_key;
  return (
    <Card
      title={t('brokerKey.title')}
      actions={<EnvironmentBadge environment={account.environment} />}
      testId="broker-key"
    >
      {key?.present && (
        <>
          <Facts
            items={[
              { label: t('brokerKey.appKey'), value: <code>{key.masked_app_key}</code> },
              { label: t('brokerKey.accountNo'), value: <code>{key.masked_account}</code> },
            ]}
          />
          <div className="mt-3 flex flex-wrap gap-2">
            <Button busy={test.isPending} onClick={() => test.mutate()} data-testid="broker-key-test">
              {t('brokerKey.test')}
            </Button>
            <Button onClick={() => setEditing(!editing)} aria-expanded={editing} data-testid="broker-key-replace">
              {t('brokerKey.replace')}
            </Button>
            <Button tone="quiet" onClick={() => setRemoving(true)}>
              {t('common.delete')}
            </Button>
          </div>
        </>
      )}
      {test.error && (
        <div className="mt-3">
          <ErrorNote error={test.error} />
        </div>
      )}
      {test.data && <CheckList result={test.data} />}
      {editing && <KeyForm account={account} onDone={() => setEditing(false)} />}
      {removing && (
        <ConfirmDialog
          open
          onClose={() => setRemoving(false)}
          title={t('brokerKey.removeTitle')}
          confirmLabel={t('common.delete')}
          busy={remove.isPending}
          error={remove.error}
          testId="broker-key-removal"
          onConfirm={() =>
            remove.mutate(undefined, {
              onSuccess: () => {
                setRemoving(false);
                setEditing(true);
              },
            })
          }
        >
          <p className="text-sm">{t('brokerKey.removeText')}</p>
        </ConfirmDialog>
      )}
    </Card>
  );
}

function KeyForm({ account, onDone }: { account: Account; onDone: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const save = useSaveBrokerKey(account.id);
  const form = useForm<Text>({
    resolver: zodResolver(schema),
    defaultValues: {
      environment: account.environment === 'live' ? 'live' : 'mock',
      app_key: '',
      app_secret: '',
      account_no: '',
    },
  });
  const { errors } = form.formState;
  const submit = form.handleSubmit((input) =>
    save.mutate(input, {
      onSuccess: () => {
        toast({ text: t('brokerKey.saved'), tone: 'ok', testId: 'broker-key-saved' });
        form.reset();
        onDone();
      },
      onError: (error) => {
        for (const { field, detail } of refusedFields(error, FIELDS)) {
          form.setError(field as keyof Text, { message: detail });
        }
      },
    }),
  );
  const field = (name: keyof Text) => ({
    error: issueText(t, errors[name]?.message),
    'data-testid': `broker-key-${name}`,
    ...form.register(name),
  });
  return (
    <form onSubmit={submit} noValidate className="mt-4 space-y-4">
      <Note>{t('brokerKey.help')}</Note>
      <SelectField label={t('brokerKey.environment')} hint={t('brokerKey.environmentHint')} {...field('environment')}>
        <option value="mock">{t('environment.mock')}</option>
        <option value="live">{t('environment.live')}</option>
      </SelectField>
      <TextField label={t('brokerKey.appKey')} autoComplete="off" spellCheck={false} {...field('app_key')} />
      <TextField
        label={t('brokerKey.appSecret')}
        type="password"
        autoComplete="new-password"
        {...field('app_secret')}
      />
      <TextField
        label={t('brokerKey.accountNo')}
        placeholder="12345678-01"
        inputMode="numeric"
        autoComplete="off"
        {...field('account_no')}
      />
      {save.error && <ErrorNote error={save.error} />}
      <Button type="submit" tone="primary" busy={save.isPending} data-testid="broker-key-save">
        {t('brokerKey.save')}
      </Button>
    </form>
  );
}
