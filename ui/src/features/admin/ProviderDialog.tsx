import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAddProvider, useChangeProvider, useTestProvider } from '../../api/queries/admin';
import type { SignInProvider } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Dialog } from '../../components/ui/dialog';
import { ErrorNote, Foreign, Note } from '../../components/ui/feedback';
import { SwitchField, TextField } from '../../components/ui/field';
import { refusedFields } from '../../lib/forms';

const TEXTS = ['name', 'issuer', 'client_id', 'client_secret'] as const;

/** Enters or changes a provider; what it says of itself can be looked at first. */
export function ProviderDialog({ provider, onClose }: { provider: SignInProvider | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const add = useAddProvider();
  const change = useChangeProvider();
  const test = useTestProvider();
  const [texts, setTexts] = useState({
    name: provider?.name ?? '',
    issuer: provider?.issuer ?? '',
    client_id: provider?.client_id ?? '',
    client_secret: '',
  });
  const [lan, setLan] = useState(provider?.lan ?? false);
  const [trusted, setTrusted] = useState(provider?.trusted_second_factor ?? false);
  const error = add.error ?? change.error;
  const refused = refusedFields(error ?? test.error, TEXTS);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { client_secret, ...others } = texts;
    const input = {
      ...others,
      // An empty field keeps the secret that is there.
      ...(client_secret && { client_secret }),
      lan,
      trusted_second_factor: trusted,
    };
    if (provider) change.mutate({ id: provider.id, ...input }, { onSuccess: onClose });
    else add.mutate({ ...input, enabled: true }, { onSuccess: onClose });
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={provider ? t('providers.editTitle', { provider: provider.name }) : t('providers.add')}
      testId="provider-dialog"
    >
      <form onSubmit={submit} noValidate className="space-y-4">
        {TEXTS.map((name) => (
          <TextField
            key={name}
            label={t(`providers.${name}`)}
            hint={
              name === 'client_secret' && provider?.has_secret ? t('providers.secretKept') : t(`providers.${name}Hint`)
            }
            type={name === 'client_secret' ? 'password' : 'text'}
            value={texts[name]}
            error={refused.find((item) => item.field === name)?.detail}
            autoComplete={name === 'client_secret' ? 'new-password' : 'off'}
            autoCapitalize="none"
            data-testid={`provider-${name}`}
            onChange={(event) => setTexts({ ...texts, [name]: event.target.value })}
          />
        ))}
        <SwitchField
          label={t('providers.lan')}
          hint={t('providers.lanHint')}
          checked={lan}
          data-testid="provider-lan"
          onChange={(event) => setLan(event.target.checked)}
        />
        <SwitchField
          label={t('providers.trusted')}
          hint={t('providers.trustedHint')}
          checked={trusted}
          data-testid="provider-trusted"
          onChange={(event) => setTrusted(event.target.checked)}
        />
        {test.data && (
          <Note tone={test.data.ok ? 'info' : 'error'} testId="provider-test-result">
            {test.data.ok ? t('providers.testOk', { count: test.data.keys ?? 0 }) : t('providers.testFailed')}
            <Foreign text={test.data.problem} />
          </Note>
        )}
        {(error ?? test.error) && <ErrorNote error={error ?? test.error} />}
        <div className="flex flex-wrap justify-end gap-2">
          <Button
            busy={test.isPending}
            disabled={!texts.issuer.trim()}
            data-testid="provider-test"
            onClick={() => test.mutate({ issuer: texts.issuer.trim(), lan })}
          >
            {t('providers.test')}
          </Button>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" tone="primary" busy={add.isPending || change.isPending} data-testid="provider-save">
            {t('common.save')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
