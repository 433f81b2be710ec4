import type { Indicator } from '../../api/types';

/** A small line of closes. The last close against the first decides its colour; the numbers stand beside it. */
export function Sparkline({ closes, label }: { closes: Indicator['closes']; label: string }) {
  const values = closes.map((point) => Number(point.close)).filter(Number.isFinite);
  const [first, last] = [values[0], values.at(-1)];
  if (first === undefined || last === undefined || values.length < 2) return null;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const points = values
    .map(
      (value, index) =>
        `${((index / (values.length - 1)) * 118 + 1).toFixed(1)},${(39 - ((value - low) / span) * 38).toFixed(1)}`,
    )
    .join(' ');
  return (
    <svg role="img" aria-label={label} viewBox="0 0 120 40" className="h-10 w-28 shrink-0">
      <polyline
        points={points}
        fill="none"
        strokeWidth="1.5"
        stroke={last >= first ? 'var(--c-up)' : 'var(--c-down)'}
        strokeLinejoin="round"
      />
    </svg>
  );
}
