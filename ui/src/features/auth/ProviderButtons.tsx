import { useTranslation } from 'react-i18next';
import { useLeaveToSignIn, useOfferedProviders } from '../../api/queries/identities';
import { Button } from '../../components/ui/button';
import { ErrorNote } from '../../components/ui/feedback';

/** One button for each provider that people can sign in with; nothing where there is none. */
export function ProviderButtons() {
  const { t } = useTranslation();
  const { data } = useOfferedProviders();
  const leave = useLeaveToSignIn();
  if (!data || data.items.length === 0) return null;
  return (
    <section aria-label={t('identities.others')} className="border-line mt-6 space-y-2 border-t pt-4">
      <p className="text-muted text-sm">{t('identities.others')}</p>
      {data.items.map((provider) => (
        <Button
          key={provider.id}
          className="w-full wrap-anywhere"
          busy={leave.isPending && leave.variables === provider.id}
          disabled={leave.isPending || leave.isSuccess}
          data-testid="provider-sign-in"
          onClick={() => leave.mutate(provider.id)}
        >
          {t('identities.signInWith', { provider: provider.name })}
        </Button>
      ))}
      {leave.error && <ErrorNote error={leave.error} />}
    </section>
  );
}
