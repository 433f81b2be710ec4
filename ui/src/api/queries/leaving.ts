import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { download, get, post } from '../client';
import { signedOut } from '../session';
import type { Erasure, Page, Remaining, TransferReport } from '../types';
import { keys } from './keys';

/** What the person has here: accounts, open orders, positions. */
export const useRemaining = () =>
  useQuery({
    queryKey: keys.remaining,
    queryFn: ({ signal }) => get<Page<Remaining>>('users/remaining', undefined, signal),
  });

/** Everything of the person as one file. */
export const useExportUser = () =>
  useMutation({ mutationFn: (username: string) => download('users/export', `eggmoney-${username}.zip`) });

/** Brings such a file along, from this or another installation. */
export function useImportUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (file: File) => {
      const form = new FormData();
      form.set('file', file);
      return post<TransferReport>('imports/user', undefined, { form });
    },
    onSuccess: () => client.invalidateQueries(),
  });
}

/** The end of the person here. */
export function useEraseSelf() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: Erasure) => post<void>('users/erase', input),
    onSuccess: () => {
      signedOut();
      client.clear();
    },
  });
}

export function useEraseUser(user: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: Erasure) => post<void>(`admin/users/${encodeURIComponent(user)}/erase`, input),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.admin }),
  });
}
