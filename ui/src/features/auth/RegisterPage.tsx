import { zodResolver } from '@hookform/resolvers/zod';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import { z } from 'zod';
import { useRegister } from '../../api/queries/auth';
import { useSystem } from '../../api/queries/system';
import { DisclosureText } from '../../components/layout/Disclosure';
import { Button } from '../../components/ui/button';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { issueText, refusedFields } from '../../lib/forms';
import { AuthFrame } from './AuthFrame';

const schema = z
  .object({
    username: z.string().trim().min(1, 'form.required').max(64, 'form.tooLong|64'),
    password: z.string().min(10, 'form.passwordShort|10'),
    repeat: z.string(),
    email: z.union([z.literal(''), z.email('form.email')]),
    setup_code: z.string().trim(),
  })
  .refine((value) => value.password === value.repeat, { path: ['repeat'], message: 'form.passwordRepeat' });

const FIELDS = ['username', 'password', 'email', 'setup_code'] as const;

export function RegisterPage() {
  const { t } = useTranslation();
  const system = useSystem();
  const register = useRegister();
  const first = system.data?.setup_required ?? false;
  const [search] = useSearchParams();
  const invite = search.get('invite') ?? '';
  const closed = !first && !invite && system.data?.registration === 'closed';
  const form = useForm({
    resolver: zodResolver(schema),
    defaultValues: { username: '', password: '', repeat: '', email: '', setup_code: '' },
  });
  const { errors } = form.formState;
  const error = (name: keyof typeof errors) => issueText(t, errors[name]?.message);

  const submit = form.handleSubmit((input) => {
    if (first && !input.setup_code) return form.setError('setup_code', { message: 'form.required' });
    register.mutate(
      {
        username: input.username,
        password: input.password,
        ...(input.email && { email: input.email }),
        ...(first && { setup_code: input.setup_code }),
        ...(!first && invite && { invite }),
      },
      {
        onError: (problem) => {
          for (const { field, detail } of refusedFields(problem, FIELDS)) {
            form.setError(field as (typeof FIELDS)[number], { message: detail });
          }
        },
      },
    );
  });

  return (
    <AuthFrame title={first ? t('auth.firstAdmin') : t('auth.register')}>
      {first && (
        <div className="mb-4 space-y-2">
          <Note>{t('auth.setupNote')}</Note>
          <details className="text-sm" data-testid="administration-text">
            <summary className="min-h-8 cursor-pointer font-semibold">{t('disclosure.administration_1.title')}</summary>
            <DisclosureText name="administration" version={1} />
          </details>
        </div>
      )}
      {!first && invite && (
        <div className="mb-4">
          <Note>{t('auth.invited')}</Note>
        </div>
      )}
      {closed && (
        <div className="mb-4">
          <Note tone="warning">{t('auth.closedNote')}</Note>
        </div>
      )}
      <form onSubmit={submit} className="space-y-4" data-testid="register-form" noValidate hidden={closed}>
        {first && (
          <TextField
            label={t('auth.setupCode')}
            hint={t('auth.setupCodeHint')}
            autoComplete="one-time-code"
            data-testid="register-setup-code"
            error={error('setup_code')}
            {...form.register('setup_code')}
          />
        )}
        <TextField
          label={t('auth.username')}
          autoComplete="username"
          autoCapitalize="none"
          data-testid="register-username"
          error={error('username')}
          {...form.register('username')}
        />
        <TextField
          label={t('auth.password')}
          type="password"
          autoComplete="new-password"
          hint={t('auth.passwordHint')}
          data-testid="register-password"
          error={error('password')}
          {...form.register('password')}
        />
        <TextField
          label={t('auth.passwordRepeat')}
          type="password"
          autoComplete="new-password"
          data-testid="register-password-repeat"
          error={error('repeat')}
          {...form.register('repeat')}
        />
        <TextField
          label={t('auth.email')}
          type="email"
          autoComplete="email"
          data-testid="register-email"
          error={error('email')}
          {...form.register('email')}
        />
        {register.error && <ErrorNote error={register.error} />}
        <Button type="submit" tone="primary" busy={register.isPending} className="w-full" data-testid="register-submit">
          {t('auth.registerAction')}
        </Button>
      </form>
      {!first && (
        <p className="mt-6 text-sm">
          <Link to="/login" className="font-semibold underline">
            {t('auth.backToLogin')}
          </Link>
        </p>
      )}
    </AuthFrame>
  );
}
