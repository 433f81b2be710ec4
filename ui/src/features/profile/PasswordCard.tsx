import { zodResolver } from '@hookform/resolvers/zod';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { useChangePassword } from '../../api/queries/auth';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { issueText } from '../../lib/forms';

const schema = z
  .object({
    current: z.string().min(1, 'form.required'),
    next: z.string().min(10, 'form.passwordShort|10'),
    repeat: z.string(),
  })
  .refine((value) => value.next === value.repeat, { path: ['repeat'], message: 'form.passwordRepeat' });

export function PasswordCard() {
  const { t } = useTranslation();
  const toast = useToast();
  const change = useChangePassword();
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { current: '', next: '', repeat: '' } });
  const { errors } = form.formState;
  const submit = form.handleSubmit((input) =>
    change.mutate(
      { current: input.current, new: input.next },
      {
        onSuccess: () => {
          form.reset();
          toast({ text: t('profile.passwordChanged'), tone: 'ok' });
        },
      },
    ),
  );
  return (
    <Card title={t('profile.password')}>
      <form onSubmit={submit} noValidate className="space-y-4">
        <TextField
          label={t('profile.currentPassword')}
          type="password"
          autoComplete="current-password"
          error={issueText(t, errors.current?.message)}
          {...form.register('current')}
        />
        <TextField
          label={t('profile.newPassword')}
          type="password"
          autoComplete="new-password"
          error={issueText(t, errors.next?.message)}
          {...form.register('next')}
        />
        <TextField
          label={t('auth.passwordRepeat')}
          type="password"
          autoComplete="new-password"
          error={issueText(t, errors.repeat?.message)}
          {...form.register('repeat')}
        />
        {change.error && <ErrorNote error={change.error} />}
        <Button type="submit" tone="primary" busy={change.isPending}>
          {t('profile.changePassword')}
        </Button>
      </form>
    </Card>
  );
}
