import { Suspense, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, NavLink, Outlet, useLocation } from 'react-router';
import { useAlerts } from '../../api/queries/overview';
import { useSession } from '../../api/session';
import { hideAmounts, useAmountsHidden } from '../../lib/privacy';
import { useLink, useLinkFailing } from '../../live/LiveProvider';
import { ModeBadge } from '../ui/badge';
import { Loading } from '../ui/feedback';
import { Icon } from '../ui/icon';
import { AccountProvider, AccountSwitch, useCurrentAccount } from './account';
import { SimulationBanner } from './banner';
import { AdministrationReminder, DisclosureDialog } from './Disclosure';
import { KillSwitchBanner, KillSwitchButton, KillSwitchProvider } from './KillSwitch';
import { LanguageSwitch } from './language';
import { type NavItem, others, tabs } from './nav';
import { ProofDialog } from './ProofDialog';
import { TwinBanner } from './twin';

/** Frame of all pages for people who are signed in. */
export function Shell() {
  return (
    <AccountProvider>
      <KillSwitchProvider>
        <Frame />
      </KillSwitchProvider>
    </AccountProvider>
  );
}

function Frame() {
  const { t } = useTranslation();
  const { account } = useCurrentAccount();
  const { pathname } = useLocation();
  const realMoney = account?.environment === 'live' && account.mode === 'trading';
  useEffect(() => {
    window.scrollTo(0, 0);
  }, [pathname]);
  return (
    <div className={`min-h-dvh ${realMoney ? 'border-danger border-t-4' : ''}`}>
      <button
        type="button"
        className="bg-surface sr-only focus:not-sr-only focus:absolute focus:z-50 focus:p-3"
        onClick={() => document.getElementById('main')?.focus()}
      >
        {t('nav.skip')}
      </button>
      <SimulationBanner />
      <KillSwitchBanner />
      <Header />
      <div className="mx-auto flex max-w-7xl">
        <Sidebar />
        <main
          id="main"
          data-page={pathname}
          tabIndex={-1}
          className="min-w-0 flex-1 px-3 pt-4 pb-24 outline-none sm:px-6 md:pb-10"
        >
          <TwinBanner />
          <AdministrationReminder />
          <LiveFailing />
          <Suspense fallback={<Loading />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
      <TabBar />
      <ProofDialog />
      <DisclosureDialog />
    </div>
  );
}

function Header() {
  const { account } = useCurrentAccount();
  return (
    <header className="bg-surface border-line sticky top-0 z-30 border-b print:hidden">
      <div className="mx-auto flex min-h-14 max-w-7xl items-center gap-1 px-3 py-1 sm:gap-2 sm:px-6">
        <Link to="/" className="mr-1 hidden shrink-0 items-center gap-2 font-bold sm:flex" aria-label="EggMoney">
          <img src="./icon.svg" alt="" className="size-7" />
          <span>EggMoney</span>
        </Link>
        <div className="flex min-w-0 flex-1 flex-wrap items-center gap-x-2 gap-y-0.5">
          <AccountSwitch />
          {account && <ModeBadge account={account} />}
        </div>
        <LiveDot />
        <KillSwitchButton />
        <AmountsSwitch />
        <LanguageSwitch />
        <AlertBell />
      </div>
    </header>
  );
}

function LiveDot() {
  const { t } = useTranslation();
  const link = useLink();
  const look = { open: 'bg-ok', connecting: 'bg-warn', closed: 'bg-muted' }[link];
  return (
    <Link
      to="/connection"
      aria-label={t(`live.${link}`)}
      title={t(`live.${link}`)}
      data-testid="live-state"
      data-state={link}
      className="-m-2 shrink-0 p-2"
    >
      <span className={`block size-2.5 rounded-full ${look}`} />
    </Link>
  );
}

function LiveFailing() {
  const { t } = useTranslation();
  const failing = useLinkFailing();
  const { pathname } = useLocation();
  if (!failing || pathname === '/connection') return null;
  return (
    <p
      role="status"
      data-testid="live-failing"
      className="border-warn bg-warn-bg mb-4 rounded-lg border px-3 py-2 text-sm"
    >
      {t('connection.failing')}{' '}
      <Link to="/connection" className="underline">
        {t('connection.open')}
      </Link>
    </p>
  );
}

function AmountsSwitch() {
  const { t } = useTranslation();
  const hidden = useAmountsHidden();
  return (
    <button
      type="button"
      aria-pressed={hidden}
      aria-label={t('amounts.hide')}
      title={t(hidden ? 'amounts.show' : 'amounts.hide')}
      data-testid="amounts-switch"
      className="text-muted hover:bg-sunken grid size-10 shrink-0 place-items-center rounded-lg"
      onClick={() => hideAmounts(!hidden)}
    >
      <Icon name={hidden ? 'eyeOff' : 'eye'} />
    </button>
  );
}

function AlertBell() {
  const { t } = useTranslation();
  const { data } = useAlerts();
  const unread = data?.pages[0]?.unread ?? 0;
  return (
    <Link
      to="/alerts"
      aria-label={unread > 0 ? t('alerts.bellUnread', { count: unread }) : t('nav.alerts')}
      className="text-muted hover:bg-sunken relative grid size-10 shrink-0 place-items-center rounded-lg"
    >
      <Icon name="bell" />
      {unread > 0 && (
        <span className="bg-danger num absolute top-1 right-0.5 min-w-4 rounded-full px-1 text-center text-[10px] leading-4 font-bold text-white dark:text-black">
          {unread > 99 ? '99+' : unread}
        </span>
      )}
    </Link>
  );
}

function Sidebar() {
  const { t } = useTranslation();
  const { user } = useSession();
  const items = [...tabs, ...others].filter((item) => !item.admin || user?.role === 'admin');
  return (
    <nav
      aria-label={t('nav.main')}
      className="sticky top-14 hidden h-fit w-52 shrink-0 py-4 pl-4 md:block print:hidden!"
    >
      <ul className="space-y-0.5">
        {items.map((item) => (
          <li key={item.to}>
            <SideLink item={item} />
          </li>
        ))}
        <li className="border-line mt-2 border-t pt-2">
          <SideLink item={{ to: '/profile', label: 'nav.profile', icon: 'account' }} text={user?.username} />
        </li>
      </ul>
    </nav>
  );
}

function SideLink({ item, text }: { item: NavItem; text?: string }) {
  const { t } = useTranslation();
  return (
    <NavLink
      to={item.to}
      end={item.to === '/'}
      className={({ isActive }) =>
        `flex min-h-10 items-center gap-3 rounded-lg px-3 text-sm ${isActive ? 'bg-sunken text-ink font-semibold' : 'text-muted hover:bg-sunken'}`
      }
    >
      <Icon name={item.icon} />
      {text ?? t(item.label)}
    </NavLink>
  );
}

function TabBar() {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const inTabs = tabs.some((tab) => (tab.to === '/' ? pathname === '/' : pathname.startsWith(tab.to)));
  const items: NavItem[] = [...tabs, { to: '/more', label: 'nav.more', icon: 'more' }];
  return (
    <nav
      aria-label={t('nav.main')}
      className="bg-surface border-line fixed inset-x-0 bottom-0 z-30 border-t pb-[env(safe-area-inset-bottom)] md:hidden print:hidden"
    >
      <ul className="grid grid-cols-5">
        {items.map((item) => (
          <li key={item.to}>
            <NavLink
              to={item.to}
              end={item.to === '/'}
              className={({ isActive }) =>
                `flex h-14 flex-col items-center justify-center gap-0.5 text-[11px] ${isActive || (item.to === '/more' && !inTabs) ? 'text-ink font-bold' : 'text-muted'}`
              }
            >
              <Icon name={item.icon} />
              {t(item.label)}
            </NavLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}
