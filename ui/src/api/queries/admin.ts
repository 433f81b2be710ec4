import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, patch } from '../client';
import type { AdminSettings, AdminSystem, AdminUser, Page } from '../types';
import { keys } from './keys';

export const useAdminUsers = () =>
  useQuery({
    queryKey: [...keys.admin, 'users'],
    queryFn: ({ signal }) => get<Page<AdminUser>>('admin/users', undefined, signal),
  });
export const useAdminSystem = () =>
  useQuery({
    queryKey: [...keys.admin, 'system'],
    queryFn: ({ signal }) => get<AdminSystem>('admin/system', undefined, signal),
    refetchInterval: 30_000,
  });
export const useAdminSettings = () =>
  useQuery({
    queryKey: [...keys.admin, 'settings'],
    queryFn: ({ signal }) => get<AdminSettings>('admin/settings', undefined, signal),
  });

export function useSaveAdminSettings() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: AdminSettings) => patch<AdminSettings>('admin/settings', input),
    onSuccess: (saved) => {
      client.setQueryData([...keys.admin, 'settings'], saved);
      void client.invalidateQueries({ queryKey: keys.system });
    },
  });
}
