import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { download, get, post } from '../client';
import { ApiError } from '../errors';
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
    mutationFn: async (file: File) => {
      const send = (content: File) => {
        const form = new FormData();
        form.set('file', content);
        return post<TransferReport>('imports/user', undefined, { form });
      };
      // An empty file first: whatever is asked of the person is asked before a long upload, which a
      // refusal would break off.
      await send(new File([], file.name)).catch((error: unknown) => {
        if (!(error instanceof ApiError && error.code === 'missing_field')) throw error;
      });
      return send(file);
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
