import { zodResolver } from '@hookform/resolvers/zod';
import type { ReactNode } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { Button } from '../../components/ui/button';
import { ErrorNote } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { issueText } from '../../lib/forms';

const schema = z
  .object({ password: z.string().min(10, 'form.passwordShort|10'), repeat: z.string() })
  .refine((value) => value.password === value.repeat, { path: ['repeat'], message: 'form.passwordRepeat' });

/** A new password, twice; `children` stand above it. */
export function NewPasswordForm({
  busy,
  error,
  onSubmit,
  children,
}: {
  busy: boolean;
  error: unknown;
  onSubmit: (password: string) => void;
  children?: ReactNode;
}) {
  const { t } = useTranslation();
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { password: '', repeat: '' } });
  const { errors } = form.formState;
  return (
    <form onSubmit={form.handleSubmit((input) => onSubmit(input.password))} className="space-y-4" noValidate>
      {children}
      <TextField
        label={t('profile.newPassword')}
        type="password"
        autoComplete="new-password"
        hint={t('auth.passwordHint')}
        data-testid="new-password"
        error={issueText(t, errors.password?.message)}
        {...form.register('password')}
      />
      <TextField
        label={t('auth.passwordRepeat')}
        type="password"
        autoComplete="new-password"
        data-testid="new-password-repeat"
        error={issueText(t, errors.repeat?.message)}
        {...form.register('repeat')}
      />
      {error !== null && error !== undefined && <ErrorNote error={error} />}
      <Button type="submit" tone="primary" busy={busy} className="w-full" data-testid="new-password-submit">
        {t('reset.set')}
      </Button>
    </form>
  );
}
