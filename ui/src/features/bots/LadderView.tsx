import { useTranslation } from 'react-i18next';
import type { Ladder, LevelKind } from '../../api/types';
import { Progress } from '../../components/ui/card';
import { Note } from '../../components/ui/feedback';
import { Money, Price, Source } from '../../components/ui/value';
import { compare } from '../../lib/decimal';
import { price as priceText, turns } from '../../lib/format';
import { spread } from './spread';

const look: Record<LevelKind, { colour: string; dash?: string; width: number }> = {
  price: { colour: 'var(--c-ink)', width: 2.5 },
  average: { colour: 'var(--c-muted)', width: 2 },
  point: { colour: 'var(--c-accent)', width: 2 },
  take_profit: { colour: 'var(--c-up)', width: 2 },
  trailing_stop: { colour: 'var(--c-down)', width: 2 },
  closing_drop: { colour: 'var(--c-down)', dash: '4 4', width: 1.5 },
};

const HEIGHT = 260;
const TOP = 16;
const GAP = 19;

/** The prices that decide, from high to low, as a picture and as a list. */
export function LadderView({ ladder }: { ladder: Ladder }) {
  const { t } = useTranslation();
  const levels = levelsOf(ladder);
  const name = (kind: LevelKind) => t(`ladder.${kind}`);
  if (levels.length === 0) return <Note>{t('ladder.none')}</Note>;
  const values = levels.map((level) => Number(level.price));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const scale = (value: number) => TOP + ((high - value) / (high - low || 1)) * (HEIGHT - 2 * TOP);
  const labels = spread(values.map(scale), GAP, TOP - 8, Math.max(HEIGHT, levels.length * GAP));
  const height = Math.max(HEIGHT, (labels.at(-1) ?? 0) + 14);
  const used = Number(ladder.budget) > 0 ? Number(ladder.invested) / Number(ladder.budget) : 0;
  return (
    <figure>
      <svg
        role="img"
        aria-label={t('ladder.picture', {
          list: levels.map((level) => `${name(level.kind)} ${priceText(level.price)}`).join(', '),
        })}
        viewBox={`0 0 340 ${height}`}
        className="w-full max-w-md"
      >
        <rect x="8" y={TOP - 6} width="76" height={HEIGHT - 2 * TOP + 12} rx="6" fill="var(--c-sunken)" />
        {levels.map((level, index) => {
          const y = scale(Number(level.price));
          const textY = labels[index] ?? y;
          const { colour, dash, width } = look[level.kind];
          return (
            <g key={`${level.kind} ${level.price}`}>
              <line x1="8" x2="84" y1={y} y2={y} stroke={colour} strokeWidth={width} strokeDasharray={dash} />
              <polyline points={`84,${y} 100,${textY} 108,${textY}`} fill="none" stroke={colour} strokeWidth="1" />
              {level.kind === 'price' && <circle cx="46" cy={y} r="5" fill={colour} />}
              <text x="112" y={textY + 4} fontSize="13" fill={colour} fontWeight={level.kind === 'price' ? 700 : 500}>
                {priceText(level.price)}
              </text>
              <text x="186" y={textY + 4} fontSize="12" fill="var(--c-muted)">
                {`${name(level.kind)} ${level.label}`.trim()}
              </text>
            </g>
          );
        })}
      </svg>
      <figcaption className="mt-2 space-y-2 text-sm">
        <p>
          {ladder.price ? (
            <>
              {t('bots.price')} <Price value={ladder.price.value} />{' '}
              <Source source={ladder.price.source} at={ladder.price.at} />
            </>
          ) : (
            t('ladder.noPrice')
          )}
        </p>
        <div>
          <p className="mb-1 flex flex-wrap justify-between gap-x-2 text-xs">
            <span>
              <Money value={ladder.invested} /> / <Money value={ladder.budget} />
            </span>
            <span className="num">T {turns(ladder.t, ladder.max_tier)}</span>
          </p>
          <Progress value={used} label={t('bots.budget')} />
        </div>
        <details>
          <summary className="text-muted">{t('ladder.asList')}</summary>
          <ol>
            {levels.map((level) => (
              <li key={`${level.kind} ${level.price}`} className="flex justify-between gap-2">
                <span>{`${name(level.kind)} ${level.label}`.trim()}</span>
                <Price value={level.price} />
              </li>
            ))}
          </ol>
        </details>
      </figcaption>
    </figure>
  );
}

/** The server's levels, completed by the current price, from high to low. */
function levelsOf(ladder: Ladder): Ladder['levels'] {
  const list = [...ladder.levels];
  if (ladder.price && !list.some((level) => level.kind === 'price')) {
    list.push({ kind: 'price', price: ladder.price.value, label: '' });
  }
  return list.sort((a, b) => compare(b.price, a.price));
}
