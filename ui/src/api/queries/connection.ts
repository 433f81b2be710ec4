import { useQuery } from '@tanstack/react-query';
import { get } from '../client';
import type { Connection } from '../types';
import { keys } from './keys';

/** How the server sees the way that this page has come. */
export function useConnection() {
  return useQuery({
    queryKey: keys.connection,
    queryFn: ({ signal }) => get<Connection>('users/connection', undefined, signal),
  });
}
