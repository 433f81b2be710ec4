import { useEffect, useState } from 'react';

/**
 * Market time as the server sees it. In a demo it runs faster than the wall clock; ages of prices are always
 * counted in market time.
 */

let base = Date.now();
let syncedAt = Date.now();
let speed = 1;

export function syncClock(marketTime: string, rate?: number | null): void {
  const at = new Date(marketTime).getTime();
  if (Number.isNaN(at)) return;
  base = at;
  syncedAt = Date.now();
  if (rate !== undefined) speed = rate && rate > 0 ? rate : 1;
}

export const marketNow = (): number => base + (Date.now() - syncedAt) * speed;

/** Market time that re-renders every `everyMs`. */
export function useMarketNow(everyMs = 1000): number {
  const [now, setNow] = useState(marketNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(marketNow()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
