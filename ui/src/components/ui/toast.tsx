import { createContext, type ReactNode, useCallback, useContext, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

export interface ToastMessage {
  text: string;
  tone?: 'ok' | 'info' | 'warning' | 'error' | 'up' | 'down';
  testId?: string;
  /** Page of the thing that the message is about. */
  to?: string;
}

type Show = (message: ToastMessage) => void;
const ToastContext = createContext<Show>(() => undefined);
export const useToast = (): Show => useContext(ToastContext);

const STAY_MS = 7000;
const edge = {
  ok: 'border-l-ok',
  info: 'border-l-muted',
  warning: 'border-l-warn',
  error: 'border-l-danger',
  up: 'border-l-up',
  down: 'border-l-down',
};

export function ToastProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const [list, setList] = useState<(ToastMessage & { id: number })[]>([]);
  const next = useRef(1);
  const timers = useRef(new Set<ReturnType<typeof setTimeout>>());
  const drop = useCallback((id: number) => setList((all) => all.filter((item) => item.id !== id)), []);
  const show = useCallback<Show>(
    (message) => {
      const id = next.current++;
      setList((all) => [...all.slice(-3), { ...message, id }]);
      const timer = setTimeout(() => {
        timers.current.delete(timer);
        drop(id);
      }, STAY_MS);
      timers.current.add(timer);
    },
    [drop],
  );
  useEffect(() => {
    const pending = timers.current;
    return () => pending.forEach(clearTimeout);
  }, []);

  return (
    <ToastContext.Provider value={show}>
      {children}
      <div
        role="status"
        aria-live="polite"
        className="pointer-events-none fixed inset-x-3 bottom-20 z-60 flex flex-col items-end gap-2 md:bottom-4"
      >
        {list.map((item) => (
          <div
            key={item.id}
            data-testid={item.testId ?? 'toast'}
            className={`bg-surface border-line pointer-events-auto flex max-w-md items-start gap-3 rounded-lg border border-l-4 px-3 py-2 text-sm shadow-lg ${edge[item.tone ?? 'info']}`}
          >
            {item.to ? (
              <a href={`#${item.to}`} className="hover:underline">
                {item.text}
              </a>
            ) : (
              <span>{item.text}</span>
            )}
            <button
              type="button"
              aria-label={t('common.close')}
              className="text-muted -my-1 min-h-8 min-w-8"
              onClick={() => drop(item.id)}
            >
              ×
            </button>
          </div>
        ))}
      </div>
    </ToastContext.Provider>
  );
}
