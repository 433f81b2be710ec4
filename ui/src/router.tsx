import type { ComponentType, ReactNode } from 'react';
import { createHashRouter, Navigate, Outlet, type RouteObject, useLocation } from 'react-router';
import { useSession } from './api/session';
import { Shell } from './components/layout/Shell';
import { Crash, NotFound, Unreachable } from './components/layout/states';
import { Loading } from './components/ui/feedback';

/**
 * Routes live behind the hash, so that the page works under any path a reverse proxy gives it, and every page but
 * the frame is fetched when it is opened.
 */

function page<K extends string>(path: string, load: () => Promise<Record<K, ComponentType>>, name: K): RouteObject {
  return {
    path,
    lazy: async () => ({ Component: (await load())[name] }),
    errorElement: <Crash />,
    hydrateFallbackElement: <Loading />,
  };
}

function Guard({ children }: { children: ReactNode }) {
  const { status } = useSession();
  const { pathname, search } = useLocation();
  if (status === 'checking') return <Waiting />;
  if (status === 'unreachable') return <Unreachable />;
  if (status === 'out') return <Navigate to={`/login?to=${encodeURIComponent(pathname + search)}`} replace />;
  return children;
}

function Waiting() {
  return (
    <div className="mx-auto max-w-3xl p-6">
      <Loading />
    </div>
  );
}

function PublicOnly() {
  const { status } = useSession();
  const { search } = useLocation();
  if (status === 'checking') return <Waiting />;
  if (status === 'in') {
    const to = new URLSearchParams(search).get('to');
    return <Navigate to={to?.startsWith('/') ? to : '/'} replace />;
  }
  return <Outlet />;
}

const trading = () => import('./features/orders');
const bots = () => import('./features/bots');
const account = () => import('./features/account');

export const router = createHashRouter([
  {
    element: <PublicOnly />,
    errorElement: <Crash />,
    hydrateFallbackElement: <Waiting />,
    children: [
      page('/login', () => import('./features/auth'), 'LoginPage'),
      page('/register', () => import('./features/auth'), 'RegisterPage'),
      page('/reset', () => import('./features/auth'), 'ResetPage'),
      page('/recovery', () => import('./features/auth'), 'RecoveryPage'),
    ],
  },
  // Where a sign-in provider sends people back to: in or out.
  page('/signed-in', () => import('./features/auth'), 'SignedInPage'),
  {
    element: (
      <Guard>
        <Shell />
      </Guard>
    ),
    errorElement: <Crash />,
    hydrateFallbackElement: <Waiting />,
    children: [
      page('/', () => import('./features/dashboard'), 'DashboardPage'),
      page('/bots', bots, 'BotsPage'),
      page('/bots/new', bots, 'NewBotPage'),
      page('/bots/:id', bots, 'BotPage'),
      page('/preview', () => import('./features/preview'), 'PreviewPage'),
      page('/ticket', () => import('./features/ticket'), 'TicketPage'),
      page('/orders', trading, 'OrdersPage'),
      page('/orders/:id', trading, 'OrderPage'),
      page('/history', () => import('./features/history'), 'HistoryPage'),
      page('/positions', () => import('./features/positions'), 'PositionsPage'),
      page('/reconciliation', () => import('./features/reconciliation'), 'ReconciliationPage'),
      page('/schedule', () => import('./features/schedule'), 'SchedulePage'),
      page('/account', account, 'AccountPage'),
      page('/accounts/new', account, 'NewAccountPage'),
      page('/shared', () => import('./features/shared'), 'SharedPage'),
      page('/shared/:id', () => import('./features/shared'), 'SharedAccountPage'),
      page('/import', () => import('./features/imports'), 'ImportPage'),
      page('/alerts', () => import('./features/alerts'), 'AlertsPage'),
      page('/admin', () => import('./features/admin'), 'AdminPage'),
      page('/profile', () => import('./features/profile'), 'ProfilePage'),
      page('/connection', () => import('./features/connection'), 'ConnectionPage'),
      page('/emergency', () => import('./features/emergency'), 'EmergencyPage'),
      page('/help/:page?', () => import('./features/help'), 'HelpPage'),
      page('/more', () => import('./features/more'), 'MorePage'),
      { path: '*', element: <NotFound /> },
    ],
  },
]);
