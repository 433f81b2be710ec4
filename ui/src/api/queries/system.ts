import { useQuery } from '@tanstack/react-query';
import { syncClock } from '../../live/clock';
import { getPublic } from '../client';
import type { SystemInfo } from '../types';
import { keys } from './keys';

export function useSystem() {
  return useQuery({
    queryKey: keys.system,
    queryFn: async ({ signal }) => {
      const info = await getPublic<SystemInfo>('system', signal);
      syncClock(info.market_time, info.speed);
      return info;
    },
    refetchInterval: 60_000,
    staleTime: 30_000,
  });
}
