import { useTranslation } from 'react-i18next';
import type { SeasonTimes } from '../../api/types';
import { Missing } from '../../components/ui/value';

/** Korean times of one schedule in summer and in winter, side by side. */
export function ScheduleTable({
  seasons,
}: {
  seasons: { summer?: Partial<SeasonTimes>; winter?: Partial<SeasonTimes> };
}) {
  const { t } = useTranslation();
  const rows = ['decision', 'slices', 'closing_buy', 'message'] as const;
  const cell = (season: Partial<SeasonTimes> | undefined, row: (typeof rows)[number]) => {
    const value = season?.[row];
    if (value === undefined || value.length === 0) return <Missing />;
    const times = (Array.isArray(value) ? value : [value]).map((time) => time.slice(0, 5));
    return <span className="num whitespace-normal">{times.join(' · ')}</span>;
  };
  return (
    <table className="w-full text-sm" data-testid="season-table">
      <thead>
        <tr className="text-muted border-line border-b text-left text-xs">
          <th scope="col" className="py-1 pr-2 font-medium">
            {t('schedule.kstTimes')}
          </th>
          <th scope="col" className="py-1 pr-2 font-medium">
            {t('schedule.summer')}
          </th>
          <th scope="col" className="py-1 font-medium">
            {t('schedule.winter')}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row} className="border-line border-b align-top">
            <th scope="row" className="py-1.5 pr-2 text-left font-medium">
              {t(`schedule.${row}`)}
            </th>
            <td className="py-1.5 pr-2">{cell(seasons.summer, row)}</td>
            <td className="py-1.5">{cell(seasons.winter, row)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
