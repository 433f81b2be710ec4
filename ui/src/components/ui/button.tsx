import type { ComponentProps } from 'react';
import { Link, type LinkProps } from 'react-router';

type Tone = 'primary' | 'plain' | 'danger' | 'quiet' | 'buy' | 'sell';

const base =
  'inline-flex min-h-10 items-center justify-center gap-2 rounded-lg px-4 py-2 text-sm font-semibold whitespace-nowrap disabled:opacity-50 no-underline';
const tones: Record<Tone, string> = {
  primary: 'bg-accent text-accent-ink hover:brightness-110',
  plain: 'border border-line bg-surface text-ink hover:bg-sunken',
  danger: 'bg-danger text-white hover:brightness-110 dark:text-black',
  quiet: 'text-muted hover:bg-sunken hover:text-ink',
  buy: 'bg-up text-white hover:brightness-110 dark:text-black',
  sell: 'bg-down text-white hover:brightness-110 dark:text-black',
};

export function Button({
  tone = 'plain',
  busy = false,
  className = '',
  type = 'button',
  disabled,
  children,
  ...rest
}: ComponentProps<'button'> & { tone?: Tone; busy?: boolean }) {
  return (
    <button
      {...rest}
      type={type}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={`${base} ${tones[tone]} ${className}`}
    >
      {busy && (
        <span
          aria-hidden="true"
          className="size-4 animate-spin rounded-full border-2 border-current border-r-transparent"
        />
      )}
      {children}
    </button>
  );
}

export function ButtonLink({ tone = 'plain', className = '', ...rest }: LinkProps & { tone?: Tone }) {
  return <Link {...rest} className={`${base} ${tones[tone]} ${className}`} />;
}
