import { type ComponentProps, type ReactNode, useId, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Icon } from './icon';

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  unit?: string;
}

const control =
  'min-h-10 w-full min-w-0 rounded-lg border border-line bg-surface px-3 py-2 text-ink placeholder:text-muted aria-invalid:border-danger disabled:opacity-60';

function Notes({ id, hint, error }: { id: string; hint?: ReactNode; error?: string | undefined }) {
  return (
    <>
      {hint && (
        <p id={`${id}-hint`} className="text-muted mt-1 text-xs">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} role="alert" className="text-danger mt-1 text-sm">
          {error}
        </p>
      )}
    </>
  );
}

const described = (id: string, hint: ReactNode, error?: string) =>
  [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;

export function TextField({
  label,
  hint,
  error,
  unit,
  className = '',
  id: given,
  ...rest
}: FieldProps & ComponentProps<'input'>) {
  const own = useId();
  const id = given ?? own;
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      <div className="relative">
        <input
          {...rest}
          id={id}
          aria-invalid={error ? true : undefined}
          aria-describedby={described(id, hint, error)}
          data-amount={unit === '$' || undefined}
          className={`${control} ${unit ? 'num pr-10 text-right' : ''}`}
        />
        {unit && (
          <span
            aria-hidden="true"
            className="text-muted pointer-events-none absolute inset-y-0 right-3 flex items-center"
          >
            {unit}
          </span>
        )}
      </div>
      <Notes id={id} hint={hint} error={error} />
    </div>
  );
}

export function SelectField({
  label,
  hint,
  error,
  className = '',
  children,
  ...rest
}: FieldProps & ComponentProps<'select'>) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      <select
        {...rest}
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, hint, error)}
        className={control}
      >
        {children}
      </select>
      <Notes id={id} hint={hint} error={error} />
    </div>
  );
}

export function TextAreaField({
  label,
  hint,
  error,
  className = '',
  ...rest
}: FieldProps & ComponentProps<'textarea'>) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      <textarea
        rows={2}
        {...rest}
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, hint, error)}
        className={control}
      />
      <Notes id={id} hint={hint} error={error} />
    </div>
  );
}

/** Takes one file. The browser's own control, which speaks the browser's language, lies unseen under ours. */
export function FileField({
  label,
  hint,
  error,
  file,
  onFile,
  className = '',
  ...rest
}: Omit<FieldProps, 'unit'> & {
  file: File | undefined;
  onFile: (file: File | undefined) => void;
} & Omit<ComponentProps<'input'>, 'type' | 'onChange'>) {
  const { t } = useTranslation();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const take = (next: File | undefined) => {
    if (!next && input.current) input.current.value = '';
    onFile(next);
  };
  return (
    <div className={`min-w-0 ${className}`}>
      <label htmlFor={id} id={`${id}-label`} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      <div
        className={`bg-surface has-focus-visible:outline-focus relative flex min-h-10 items-center rounded-lg border has-focus-visible:outline-2 has-focus-visible:outline-offset-2 ${error ? 'border-danger' : 'border-line'}`}
      >
        <input
          {...rest}
          ref={input}
          id={id}
          type="file"
          aria-labelledby={`${id}-label ${id}-name`}
          aria-invalid={error ? true : undefined}
          aria-describedby={described(id, hint, error)}
          className="absolute inset-0 cursor-pointer opacity-0"
          onChange={(event) => take(event.target.files?.[0])}
        />
        <div aria-hidden="true" className="pointer-events-none flex min-w-0 flex-1 items-center gap-2 p-1">
          <span className="bg-sunken inline-flex min-h-8 shrink-0 items-center gap-1.5 rounded-md px-3 text-sm font-semibold">
            <Icon name="file" className="size-4" />
            {t('file.choose')}
          </span>
          <span id={`${id}-name`} className={`truncate text-sm ${file ? '' : 'text-muted'}`}>
            {file?.name ?? t('file.none')}
          </span>
        </div>
        {file && (
          <button
            type="button"
            aria-label={t('file.clear', { name: file.name })}
            className="text-muted hover:bg-sunken relative mr-1 grid size-8 shrink-0 place-items-center rounded-md"
            onClick={() => take(undefined)}
          >
            ×
          </button>
        )}
      </div>
      <Notes id={id} hint={hint} error={error} />
    </div>
  );
}

/** A switch: a native check box with the switch role. */
export function SwitchField({
  label,
  hint,
  error,
  className = '',
  ...rest
}: Omit<FieldProps, 'unit'> & Omit<ComponentProps<'input'>, 'type'>) {
  const id = useId();
  return (
    <div className={className}>
      <div className="flex items-center justify-between gap-3">
        <label htmlFor={id} className="text-sm font-medium">
          {label}
        </label>
        <span className="relative inline-flex h-6 w-11 shrink-0">
          <input
            {...rest}
            id={id}
            type="checkbox"
            role="switch"
            aria-describedby={described(id, hint, error)}
            className="peer bg-line checked:bg-accent size-full cursor-pointer appearance-none rounded-full disabled:opacity-50"
          />
          <span
            aria-hidden="true"
            className="pointer-events-none absolute top-0.5 left-0.5 size-5 rounded-full bg-white shadow transition-transform peer-checked:translate-x-5"
          />
        </span>
      </div>
      <Notes id={id} hint={hint} error={error} />
    </div>
  );
}

export function CheckField({
  label,
  hint,
  className = '',
  ...rest
}: { label: ReactNode; hint?: ReactNode } & Omit<ComponentProps<'input'>, 'type'>) {
  const id = useId();
  return (
    <div className={`flex gap-2 ${className}`}>
      <input
        {...rest}
        id={id}
        type="checkbox"
        aria-describedby={hint ? `${id}-hint` : undefined}
        className="accent-accent mt-1 size-4 shrink-0"
      />
      <div>
        <label htmlFor={id} className="text-sm">
          {label}
        </label>
        <Notes id={id} hint={hint} />
      </div>
    </div>
  );
}

/** One of a few choices as a row of buttons. */
export function Choice<T extends string>({
  label,
  value,
  options,
  onChange,
  hideLabel = false,
}: {
  label: string;
  value: T;
  options: { value: T; label: string; testId?: string }[];
  onChange: (value: T) => void;
  hideLabel?: boolean;
}) {
  return (
    <fieldset className="min-w-0">
      <legend className={hideLabel ? 'sr-only' : 'mb-1 text-sm font-medium'}>{label}</legend>
      <div className="border-line bg-sunken flex w-fit max-w-full flex-wrap gap-1 rounded-lg border p-1">
        {options.map((option) => (
          <button
            key={option.value}
            type="button"
            aria-pressed={option.value === value}
            data-testid={option.testId}
            onClick={() => onChange(option.value)}
            className="aria-pressed:bg-surface aria-pressed:text-ink text-muted min-h-8 rounded-md px-3 text-sm font-medium aria-pressed:shadow-sm"
          >
            {option.label}
          </button>
        ))}
      </div>
    </fieldset>
  );
}
