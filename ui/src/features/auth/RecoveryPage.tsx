import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useRecover, useRequestRecovery } from '../../api/queries/auth';
import { Button } from '../../components/ui/button';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { AuthFrame } from './AuthFrame';
import { NewPasswordForm } from './NewPasswordForm';
import { Done } from './ResetPage';

/** The password is forgotten: users ask their administrator, administrators read a code on the NAS. */
export function RecoveryPage() {
  const { t } = useTranslation();
  const request = useRequestRecovery();
  const recover = useRecover();
  const [username, setUsername] = useState('');
  const [code, setCode] = useState('');
  return (
    <AuthFrame title={t('recovery.title')}>
      {recover.isSuccess ? (
        <Done username={recover.data.username} />
      ) : (
        <div className="space-y-4">
          <Note>{t('recovery.users')}</Note>
          <p className="text-sm">{t('recovery.admins')}</p>
          {request.error && <ErrorNote error={request.error} />}
          {request.isSuccess ? (
            <NewPasswordForm
              busy={recover.isPending}
              error={recover.error}
              onSubmit={(password) => recover.mutate({ username, code, password })}
            >
              <Note>{t('recovery.written')}</Note>
              <TextField
                label={t('auth.username')}
                autoComplete="username"
                autoCapitalize="none"
                value={username}
                data-testid="recovery-username"
                onChange={(event) => setUsername(event.target.value)}
              />
              <TextField
                label={t('recovery.code')}
                autoComplete="one-time-code"
                value={code}
                data-testid="recovery-code"
                onChange={(event) => setCode(event.target.value)}
              />
            </NewPasswordForm>
          ) : (
            <Button busy={request.isPending} data-testid="recovery-request" onClick={() => request.mutate()}>
              {t('recovery.request')}
            </Button>
          )}
          <p className="text-sm">
            <Link to="/login" className="font-semibold underline">
              {t('auth.backToLogin')}
            </Link>
          </p>
        </div>
      )}
    </AuthFrame>
  );
}
