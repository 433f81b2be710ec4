import { zodResolver } from '@hookform/resolvers/zod';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Link, Navigate } from 'react-router';
import { z } from 'zod';
import { ApiError } from '../../api/errors';
import { useLogin } from '../../api/queries/auth';
import { useSystem } from '../../api/queries/system';
import { Button } from '../../components/ui/button';
import { ErrorNote } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { issueText } from '../../lib/forms';
import { AuthFrame } from './AuthFrame';
import { ProviderButtons } from './ProviderButtons';

const schema = z.object({
  username: z.string().trim().min(1, 'form.required'),
  password: z.string().min(1, 'form.required'),
  code: z.string().trim(),
});

export function LoginPage() {
  const { t } = useTranslation();
  const system = useSystem();
  const login = useLogin();
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { username: '', password: '', code: '' } });
  const { errors } = form.formState;
  const [asksCode, setAsksCode] = useState(false);

  if (system.data?.setup_required) return <Navigate to="/register" replace />;

  const submit = form.handleSubmit((input) =>
    login.mutate(
      { username: input.username, password: input.password, ...(input.code && { code: input.code }) },
      {
        onError: (problem) => {
          const code = problem instanceof ApiError ? problem.code : '';
          setAsksCode(code === 'second_factor_required' || code === 'wrong_code');
          form.resetField(code === 'wrong_credentials' ? 'password' : 'code');
        },
      },
    ),
  );

  return (
    <AuthFrame title={t('auth.login')}>
      <form onSubmit={submit} className="space-y-4" data-testid="login-form" noValidate>
        <TextField
          label={t('auth.username')}
          autoComplete="username"
          autoCapitalize="none"
          data-testid="login-username"
          error={issueText(t, errors.username?.message)}
          {...form.register('username')}
        />
        <TextField
          label={t('auth.password')}
          type="password"
          autoComplete="current-password"
          data-testid="login-password"
          error={issueText(t, errors.password?.message)}
          {...form.register('password')}
        />
        {asksCode && (
          <TextField
            label={t('auth.code')}
            hint={t('auth.codeHint')}
            autoComplete="one-time-code"
            autoFocus
            data-testid="login-code"
            {...form.register('code')}
          />
        )}
        {login.error && <ErrorNote error={login.error} />}
        <Button type="submit" tone="primary" busy={login.isPending} className="w-full" data-testid="login-submit">
          {t('auth.login')}
        </Button>
      </form>
      <ProviderButtons />
      <p className="text-muted mt-6 text-sm">
        {system.data?.registration === 'closed' ? t('auth.registrationClosed') : t('auth.noAccount')}{' '}
        <Link to="/register" className="text-ink font-semibold underline">
          {t('auth.register')}
        </Link>
      </p>
      <p className="mt-2 text-sm">
        <Link to="/recovery" className="underline" data-testid="forgotten">
          {t('auth.forgotten')}
        </Link>
      </p>
    </AuthFrame>
  );
}
