import type { IconName } from '../ui/icon';

export interface NavItem {
  to: string;
  label: string;
  icon: IconName;
  admin?: boolean;
}

/** What the phone's tab bar holds; everything else is behind "more" there and in the sidebar on a desktop. */
export const tabs: NavItem[] = [
  { to: '/', label: 'nav.home', icon: 'home' },
  { to: '/bots', label: 'nav.bots', icon: 'bot' },
  { to: '/orders', label: 'nav.orders', icon: 'orders' },
  { to: '/history', label: 'nav.history', icon: 'history' },
];

export const others: NavItem[] = [
  { to: '/ticket', label: 'nav.ticket', icon: 'plus' },
  { to: '/preview', label: 'nav.preview', icon: 'moon' },
  { to: '/positions', label: 'nav.positions', icon: 'positions' },
  { to: '/reconciliation', label: 'nav.reconciliation', icon: 'check' },
  { to: '/schedule', label: 'nav.schedule', icon: 'schedule' },
  { to: '/account', label: 'nav.account', icon: 'account' },
  { to: '/shared', label: 'nav.shared', icon: 'eye' },
  { to: '/import', label: 'nav.import', icon: 'import' },
  { to: '/alerts', label: 'nav.alerts', icon: 'bell' },
  { to: '/admin', label: 'nav.admin', icon: 'admin', admin: true },
  { to: '/emergency', label: 'nav.emergency', icon: 'stop' },
  { to: '/help', label: 'nav.help', icon: 'help' },
];
