import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useLogout } from '../../api/queries/auth';
import { useSystem } from '../../api/queries/system';
import { useSession } from '../../api/session';
import { others } from '../../components/layout/nav';
import { Button } from '../../components/ui/button';
import { PageHead } from '../../components/ui/card';
import { Icon } from '../../components/ui/icon';

/** The phone's way to everything that has no tab. */
export function MorePage() {
  const { t } = useTranslation();
  const { user } = useSession();
  const logout = useLogout();
  const system = useSystem();
  const items = others.filter((item) => !item.admin || user?.role === 'admin');
  return (
    <>
      <PageHead title={t('nav.more')} sub={user?.username} />
      <ul className="bg-surface border-line divide-line divide-y rounded-2xl border">
        {[...items, { to: '/profile', label: 'nav.profile', icon: 'account' as const }].map((item) => (
          <li key={item.to}>
            <Link to={item.to} className="hover:bg-sunken flex min-h-13 items-center gap-3 px-4">
              <Icon name={item.icon} />
              {t(item.label)}
            </Link>
          </li>
        ))}
      </ul>
      <Button className="mt-4 w-full" busy={logout.isPending} onClick={() => logout.mutate()}>
        {t('auth.logout')}
      </Button>
      <p className="text-muted mt-4 text-center text-xs">
        EggMoney {system.data?.version} ·{' '}
        <a href="https://www.tradingview.com/" target="_blank" rel="noreferrer" className="underline">
          {t('market.attribution')}
        </a>
      </p>
    </>
  );
}
