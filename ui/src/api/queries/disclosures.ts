import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, post } from '../client';
import type { DisclosureItem, Page } from '../types';
import { keys } from './keys';

/** Texts that the person reads and accepts before something is done. */
export const useDisclosures = () =>
  useQuery({
    queryKey: keys.disclosures,
    queryFn: ({ signal }) => get<Page<DisclosureItem>>('users/disclosures', undefined, signal),
    staleTime: 5 * 60_000,
  });

export function useDisclosure(name: DisclosureItem['name']) {
  const query = useDisclosures();
  return { ...query, item: query.data?.items.find((item) => item.name === name) };
}

export function useAcceptDisclosure() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, version }: DisclosureItem) => post<void>('users/disclosures', { name, version }),
    // A text that changed meanwhile is shown in its present version.
    onSettled: () => client.invalidateQueries({ queryKey: keys.disclosures }),
  });
}
