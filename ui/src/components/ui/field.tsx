import { type ComponentProps, type ReactNode, useId } from 'react';

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
