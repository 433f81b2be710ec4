import { zodResolver } from '@hookform/resolvers/zod';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { z } from 'zod';
import { useCreateAccount, useTryBrokerKey } from '../../api/queries/accounts';
import type { BrokerHost } from '../../api/types';
import { useCurrentAccount } from '../../components/layout/account';
import { DisclosureCard } from '../../components/layout/Disclosure';
import { Button, ButtonLink } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { Choice, TextField } from '../../components/ui/field';
import { issueText, refusedFields } from '../../lib/forms';
import { AtBrokerList } from './AtBrokerList';
import { CheckList } from './CheckList';

const schema = z.object({
  name: z.string().trim().min(1, 'form.required'),
  app_key: z.string().trim().min(1, 'form.required'),
  app_secret: z.string().trim().min(1, 'form.required'),
  account_no: z
    .string()
    .trim()
    .regex(/^\d{8}-\d{2}$/, 'form.accountNo'),
  hts_id: z.string().trim(),
});
type Text = z.infer<typeof schema>;
const FIELDS = ['name', 'app_key', 'app_secret', 'account_no', 'hts_id'] as const;

/** With these the key can never work as it was entered; anything else may pass by itself. */
const HOPELESS = new Set([
  'live_key_at_mock',
  'paper_key_at_live',
  'app_key_unknown',
  'app_secret_wrong',
  'account_not_of_key',
]);

/** Adds a broker account by hand: its key is tried at the chosen host before anything is kept. */
export function NewAccountPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { choose } = useCurrentAccount();
  const create = useCreateAccount();
  const attempt = useTryBrokerKey();
  const [environment, setEnvironment] = useState<BrokerHost>('mock');
  const form = useForm<Text>({
    resolver: zodResolver(schema),
    defaultValues: { name: '', app_key: '', app_secret: '', account_no: '', hts_id: '' },
  });
  const { errors } = form.formState;
  const result = attempt.data;
  const hopeless = result?.checks.some((check) => check.code && HOPELESS.has(check.code)) ?? false;

  const input = ({ name, hts_id, ...key }: Text) => ({
    name,
    key: { ...key, environment, ...(hts_id ? { hts_id } : {}) },
  });
  const onError = (error: unknown) => {
    for (const { field, detail } of refusedFields(error, FIELDS))
      form.setError(field as keyof Text, { message: detail });
  };
  // What was tried is not what stands in the form any more.
  const forget = () => {
    attempt.reset();
    create.reset();
  };
  const test = form.handleSubmit((text) => attempt.mutate(input(text).key, { onError }));
  const save = form.handleSubmit((text) => {
    const { name, key } = input(text);
    create.mutate(
      { name, ...key },
      {
        onError,
        onSuccess: (account) => {
          choose(account.id);
          void navigate('/account');
        },
      },
    );
  });
  const field = (name: keyof Text) => ({
    error: issueText(t, errors[name]?.message),
    'data-testid': `account-new-${name}`,
    ...form.register(name, { onChange: forget }),
  });

  return (
    <>
      <PageHead title={t('account.create')} sub={t('wizard.sub')}>
        <ButtonLink to="/import">{t('nav.import')}</ButtonLink>
      </PageHead>
      <div className="mb-4">
        <DisclosureCard name="broker_key" />
      </div>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card title={t('wizard.keyStep')} className="max-w-xl">
          <form onSubmit={test} noValidate className="space-y-4">
            <TextField label={t('account.name')} hint={t('account.nameHint')} maxLength={40} {...field('name')} />
            <Choice<BrokerHost>
              label={t('brokerKey.environment')}
              value={environment}
              onChange={(value) => {
                setEnvironment(value);
                forget();
              }}
              options={[
                { value: 'mock', label: t('environment.mock'), testId: 'account-new-mock' },
                { value: 'live', label: t('environment.live'), testId: 'account-new-live' },
              ]}
            />
            <Note>{t('brokerKey.help')}</Note>
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
            <TextField
              label={t('notices.htsId')}
              hint={t('notices.htsIdHint')}
              autoComplete="off"
              spellCheck={false}
              {...field('hts_id')}
            />
            <Button
              type="submit"
              tone={result?.ok ? 'plain' : 'primary'}
              busy={attempt.isPending}
              data-testid="account-new-test"
            >
              {t('brokerKey.test')}
            </Button>
          </form>
        </Card>
        <div className="min-w-0 space-y-4">
          <Card title={t('wizard.testStep')} testId="account-new-result">
            {attempt.error ? (
              <ErrorNote error={attempt.error} />
            ) : result ? (
              <>
                <Note tone={result.ok ? 'ok' : 'warning'}>{t(result.ok ? 'wizard.passed' : 'wizard.failed')}</Note>
                <CheckList result={result} />
                {create.error && (
                  <div className="mt-3">
                    <ErrorNote error={create.error} />
                  </div>
                )}
                {!hopeless && (
                  <div className="mt-4">
                    <Button
                      tone={result.ok ? 'primary' : 'plain'}
                      busy={create.isPending}
                      onClick={() => void save()}
                      data-testid="account-new-save"
                    >
                      {t(result.ok ? 'account.create' : 'wizard.saveAnyway')}
                    </Button>
                  </div>
                )}
              </>
            ) : (
              <p className="text-muted text-sm">{t('wizard.notTested')}</p>
            )}
            <p className="text-muted mt-4 text-sm">{t('account.createText')}</p>
          </Card>
          <AtBrokerList environment={environment} />
        </div>
      </div>
    </>
  );
}
