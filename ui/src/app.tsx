import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { useEffect } from 'react';
import { RouterProvider } from 'react-router';
import { ApiError } from './api/errors';
import { refreshSession } from './api/session';
import { ToastProvider } from './components/ui/toast';
import { LiveProvider } from './live/LiveProvider';
import { router } from './router';

/** Refusals are final; only lost connections and busy servers are tried again. */
export function shouldRetry(failures: number, error: unknown): boolean {
  if (failures >= 2) return false;
  return !(error instanceof ApiError) || error.status === 0 || error.status === 503;
}

const client = new QueryClient({
  defaultOptions: { queries: { retry: shouldRetry, staleTime: 5_000, refetchOnWindowFocus: true } },
});

export function App() {
  useEffect(() => {
    // After a reload only the cookie knows who this is.
    refreshSession().catch(() => undefined);
  }, []);
  return (
    <QueryClientProvider client={client}>
      <ToastProvider>
        <LiveProvider>
          <RouterProvider router={router} />
        </LiveProvider>
      </ToastProvider>
    </QueryClientProvider>
  );
}
