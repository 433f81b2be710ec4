import { useMutation, useQueryClient } from '@tanstack/react-query';
import { post, remove } from '../client';
import type { ImportConfirm, ImportReport, ImportUpload } from '../types';

export interface ImportFiles {
  db: File;
  keyStore?: File;
  env?: File;
  accountName?: string;
  botSync?: boolean;
}

export const useUploadImport = () =>
  useMutation({
    mutationFn: (input: ImportFiles) => {
      const form = new FormData();
      form.set('db', input.db);
      if (input.keyStore) form.set('key_store', input.keyStore);
      if (input.env) form.set('env', input.env);
      if (input.accountName) form.set('account_name', input.accountName);
      if (input.botSync !== undefined) form.set('bot_sync', String(input.botSync));
      return post<ImportUpload>('imports/eggmoney', undefined, { form });
    },
  });

export function useConfirmImport() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...choice }: ImportConfirm & { id: string }) =>
      post<{ account_id: string; report: ImportReport }>(`imports/${encodeURIComponent(id)}/confirm`, choice),
    onSuccess: () => client.invalidateQueries(),
  });
}

export const useDropImport = () =>
  useMutation({ mutationFn: (id: string) => remove<void>(`imports/${encodeURIComponent(id)}`) });
