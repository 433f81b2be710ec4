import { useTranslation } from 'react-i18next';
import { useSystem } from '../../api/queries/system';
import { quantity } from '../../lib/format';
import { clock, day, KST, NEW_YORK } from '../../lib/time';
import { useMarketNow } from '../../live/clock';

/** Says that nothing here is real, and what time it is in the simulation. */
export function SimulationBanner() {
  const { data } = useSystem();
  if (!data?.simulation) return null;
  return <Running speed={data.speed} />;
}

function Running({ speed }: { speed: number | null }) {
  const { t } = useTranslation();
  const now = useMarketNow(1000);
  return (
    <aside
      aria-label={t('simulation.label')}
      data-testid="simulation-banner"
      className="bg-warn-bg text-warn border-warn border-b px-3 print:hidden py-1 text-center text-xs font-semibold"
    >
      {t('simulation.banner')}
      <span className="max-sm:hidden"> · </span>
      <span className="num max-sm:block">
        {`${day(now, KST)} ${clock(now, KST)} ${t('time.kst')} `}
        <span className="hidden sm:inline">{`(${t('time.newYork')} ${clock(now, NEW_YORK)}) `}</span>
        {speed !== null && speed !== 1 && `· ${t('simulation.speed', { speed: quantity(speed) })}`}
      </span>
    </aside>
  );
}
