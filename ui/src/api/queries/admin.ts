import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, patch, put } from '../client';
import type { AdminSettings, AdminSystem, AdminUser, LiveTrading, Page, UserRules } from '../types';
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

export const useLiveTrading = () =>
  useQuery({
    queryKey: [...keys.admin, 'live-trading'],
    queryFn: ({ signal }) => get<LiveTrading>('admin/live-trading', undefined, signal),
  });

export function useAllowLive() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: LiveTrading) => put<LiveTrading>('admin/live-trading', input),
    onSuccess: (saved) => client.setQueryData([...keys.admin, 'live-trading'], saved),
  });
}

const rulesAt = (user: string) => `admin/users/${encodeURIComponent(user)}/rules`;

export const useUserRules = (user: string) =>
  useQuery({
    queryKey: [...keys.admin, 'rules', user],
    queryFn: ({ signal }) => get<UserRules>(rulesAt(user), undefined, signal),
  });

export function useSaveUserRules(user: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: UserRules) => put<UserRules>(rulesAt(user), input),
    onSuccess: (saved) => client.setQueryData([...keys.admin, 'rules', user], saved),
  });
}
