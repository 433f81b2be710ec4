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
/** On a phone a message covers a line of the page, so it goes sooner. */
const STAY_ON_PHONE_MS = 3500;
const onPhone = () => typeof matchMedia === 'function' && matchMedia('(width < 48rem)').matches;
const MOST = 3;
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
      setList((all) => [...all.slice(1 - MOST), { ...message, id }]);
      const timer = setTimeout(
        () => {
          timers.current.delete(timer);
          drop(id);
        },
        onPhone() ? STAY_ON_PHONE_MS : STAY_MS,
      );
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
        className="pointer-events-none fixed inset-x-0 bottom-[calc(3.5rem+env(safe-area-inset-bottom))] z-60 flex flex-col items-end gap-2 md:inset-x-auto md:right-4 md:bottom-4"
      >
        {list.map((item) => (
          <div
            key={item.id}
            data-testid={item.testId ?? 'toast'}
            // Over the tabs of a phone: banners and header stay in sight, and taps go through it.
            className={`bg-surface border-line flex w-full items-start gap-3 border-t border-l-4 px-3 py-2 text-sm shadow-lg not-last:hidden md:pointer-events-auto md:w-auto md:max-w-md md:rounded-lg md:border md:border-l-4 md:not-last:flex ${edge[item.tone ?? 'info']}`}
          >
            {item.to ? (
              <a href={`#${item.to}`} className="line-clamp-2 hover:underline md:line-clamp-none">
                {item.text}
              </a>
            ) : (
              <span className="line-clamp-2 md:line-clamp-none">{item.text}</span>
            )}
            <button
              type="button"
              aria-label={t('common.close')}
              className="text-muted -my-1 hidden min-h-8 min-w-8 md:block"
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
