import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useCreateAccount } from '../../api/queries/accounts';
import type { BrokerHost } from '../../api/types';
import { useCurrentAccount } from '../../components/layout/account';
import { Button, ButtonLink } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { Choice, TextField } from '../../components/ui/field';

export function NewAccountPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { choose } = useCurrentAccount();
  const create = useCreateAccount();
  const [name, setName] = useState('');
  const [environment, setBrokerHost] = useState<BrokerHost>('mock');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate(
      { name: name.trim(), environment },
      {
        onSuccess: (account) => {
          choose(account.id);
          void navigate('/account');
        },
      },
    );
  };
  return (
    <>
      <PageHead title={t('account.create')}>
        <ButtonLink to="/import">{t('nav.import')}</ButtonLink>
      </PageHead>
      <Card className="max-w-lg">
        <form onSubmit={submit} className="space-y-4">
          <TextField
            label={t('account.name')}
            hint={t('account.nameHint')}
            value={name}
            maxLength={40}
            required
            data-testid="account-new-name"
            onChange={(event) => setName(event.target.value)}
          />
          <Choice<BrokerHost>
            label={t('brokerKey.environment')}
            value={environment}
            onChange={setBrokerHost}
            options={[
              { value: 'mock', label: t('environment.mock'), testId: 'account-new-mock' },
              { value: 'live', label: t('environment.live'), testId: 'account-new-live' },
            ]}
          />
          <Note>{t('account.createText')}</Note>
          {create.error && <ErrorNote error={create.error} />}
          <Button
            type="submit"
            tone="primary"
            busy={create.isPending}
            disabled={name.trim() === ''}
            data-testid="account-new-save"
          >
            {t('account.create')}
          </Button>
        </form>
      </Card>
    </>
  );
}
