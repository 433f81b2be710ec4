import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import { useResetPassword } from '../../api/queries/auth';
import { Note } from '../../components/ui/feedback';
import { AuthFrame } from './AuthFrame';
import { NewPasswordForm } from './NewPasswordForm';

/** A link from the administrator leads here: its word sets a new password. */
export function ResetPage() {
  const { t } = useTranslation();
  const [search] = useSearchParams();
  const word = search.get('word') ?? '';
  const reset = useResetPassword();
  return (
    <AuthFrame title={t('reset.title')}>
      {reset.isSuccess ? (
        <Done username={reset.data.username} />
      ) : (
        <>
          <div className="mb-4">
            <Note tone={word ? 'info' : 'warning'}>{t(word ? 'reset.text' : 'reset.noWord')}</Note>
          </div>
          {word && (
            <NewPasswordForm
              busy={reset.isPending}
              error={reset.error}
              onSubmit={(password) => reset.mutate({ word, password })}
            />
          )}
        </>
      )}
    </AuthFrame>
  );
}

/** The password is set; it has to be used. */
export function Done({ username }: { username: string }) {
  const { t } = useTranslation();
  return (
    <div className="space-y-4" data-testid="password-set">
      <Note>{t('reset.done', { username })}</Note>
      <Link to="/login" className="font-semibold underline">
        {t('auth.login')}
      </Link>
    </div>
  );
}
