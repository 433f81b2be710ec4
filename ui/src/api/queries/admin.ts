import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, patch, post, put, remove } from '../client';
import type {
  AdminSettings,
  AdminSettingsPatch,
  AdminSystem,
  AdminUser,
  AuditPage,
  Invitation,
  LiveTrading,
  MadeInvitation,
  NewInvitation,
  NewSignInProvider,
  Page,
  Person,
  PersonPatch,
  ProviderTest,
  PublicAddress,
  ResetLink,
  SignInProvider,
  SignInProviderPatch,
  UserRules,
} from '../types';
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
    mutationFn: (input: AdminSettingsPatch) => patch<AdminSettings>('admin/settings', input),
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

const userAt = (user: string) => `admin/users/${encodeURIComponent(user)}`;
const rulesAt = (user: string) => `${userAt(user)}/rules`;

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

/** What administrators do is audited, so that list is read anew with whatever changed. */
function useAdminMutation<Input, Result>(mutationFn: (input: Input) => Promise<Result>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    // One-time words are not kept once their dialog is closed.
    gcTime: 0,
    // Not waited for: what comes back once is shown at once.
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: keys.admin });
      void client.invalidateQueries({ queryKey: keys.offeredProviders });
    },
  });
}

export const useChangeUser = (user: string) =>
  useAdminMutation((input: PersonPatch) => patch<Person>(userAt(user), input));
export const useIssueReset = (user: string) =>
  useAdminMutation((drop_second_factor: boolean) => post<ResetLink>(`${userAt(user)}/reset`, { drop_second_factor }));

export const useInvitations = () =>
  useQuery({
    queryKey: [...keys.admin, 'invitations'],
    queryFn: ({ signal }) => get<Page<Invitation>>('admin/invitations', undefined, signal),
  });
export const useInvite = () =>
  useAdminMutation((input: NewInvitation) => post<MadeInvitation>('admin/invitations', input));
export const useRevokeInvitation = () =>
  useAdminMutation((id: string) => remove<void>(`admin/invitations/${encodeURIComponent(id)}`));

const PROVIDERS = 'admin/sign-in-providers';
const providerAt = (id: string) => `${PROVIDERS}/${encodeURIComponent(id)}`;

export const useSignInProviders = () =>
  useQuery({
    queryKey: [...keys.admin, 'sign-in-providers'],
    queryFn: ({ signal }) => get<Page<SignInProvider>>(PROVIDERS, undefined, signal),
  });
export const useAddProvider = () =>
  useAdminMutation((input: NewSignInProvider) => post<SignInProvider>(PROVIDERS, input));
export const useChangeProvider = () =>
  useAdminMutation(({ id, ...change }: SignInProviderPatch & { id: string }) =>
    patch<SignInProvider>(providerAt(id), change),
  );
export const useRemoveProvider = () => useAdminMutation((id: string) => remove<void>(providerAt(id)));
export const useTestProvider = () =>
  useMutation({
    mutationFn: (input: { issuer: string; lan: boolean }) => post<ProviderTest>(`${PROVIDERS}/test`, input),
  });
export const useSavePublicAddress = () =>
  useAdminMutation((input: PublicAddress) => put<PublicAddress>('admin/public-address', input));

/** What was done to the installation, newest first. */
export const useInstallationAudit = () =>
  useInfiniteQuery({
    queryKey: [...keys.admin, 'audit'],
    queryFn: ({ pageParam, signal }) => get<AuditPage>('admin/audit', { limit: 20, before: pageParam }, signal),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next,
  });
