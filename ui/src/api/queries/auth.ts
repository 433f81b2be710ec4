import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { setLanguage } from '../../lib/i18n';
import { readPreference } from '../../lib/storage';
import { get, patch, post, postPublic, put, remove } from '../client';
import { signedIn, signedOut, updateUser } from '../session';
import type {
  ApiKeys,
  AuditPage,
  Enrolment,
  Language,
  Login,
  LoginSession,
  NewKey,
  NewKeyRequest,
  OwnNetworks,
  Page,
  PasswordSet,
  Profile,
  RecoveryCodes,
  Registration,
  SecondFactor,
  SessionUser,
} from '../types';
import { keys } from './keys';

/** The sign-in page is gone once somebody is in, so the language is taken over here, not there. */
export function enter(login: Login): void {
  signedIn(login);
  // The profile decides, unless this browser was told otherwise.
  if (readPreference('language') !== 'en') void setLanguage(login.user.language);
}

export function useLogin() {
  return useMutation({
    mutationFn: (input: { username: string; password: string; code?: string }) =>
      postPublic<Login>('auth/login', input),
    onSuccess: enter,
  });
}

/** Registers and signs in with the same words. */
export function useRegister() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (input: Registration) => {
      await postPublic<Pick<SessionUser, 'id' | 'username' | 'role'>>('auth/register', input);
      return postPublic<Login>('auth/login', { username: input.username, password: input.password });
    },
    onSuccess: (login) => {
      void client.invalidateQueries({ queryKey: keys.system });
      signedIn(login);
    },
  });
}

export function useLogout() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => post<void>('auth/logout'),
    onSettled: () => {
      signedOut();
      client.clear();
    },
  });
}

export function useProfile() {
  return useQuery({
    queryKey: keys.profile,
    queryFn: ({ signal }) => get<Profile>('users/profile', undefined, signal),
  });
}

export function useSaveProfile() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (change: { language?: Language; email?: string | null }) => patch<Profile>('users/profile', change),
    onSuccess: (profile) => {
      client.setQueryData(keys.profile, profile);
      updateUser({ language: profile.language });
    },
  });
}

export const useChangePassword = () =>
  useMutation({ mutationFn: (input: { current: string; new: string }) => post<void>('users/password', input) });

/** Six digits come from the app; passwords are longer. */
const proofOf = (text: string) => (/^\d{3} ?\d{3}$/.test(text) ? { code: text } : { password: text });

export const useStepUp = () =>
  useMutation({ mutationFn: (text: string) => post<{ proved_until: string }>('auth/step-up', proofOf(text)) });

export const useResetPassword = () =>
  useMutation({
    mutationFn: (input: { word: string; password: string }) => postPublic<PasswordSet>('auth/reset', input),
  });

export const useRequestRecovery = () => useMutation({ mutationFn: () => postPublic<void>('auth/recovery') });

export const useRecover = () =>
  useMutation({
    mutationFn: (input: { username: string; code: string; password: string }) =>
      postPublic<PasswordSet>('auth/recovery/confirm', input),
  });

export function useSecondFactor() {
  return useQuery({
    queryKey: keys.secondFactor,
    queryFn: ({ signal }) => get<SecondFactor>('users/second-factor', undefined, signal),
  });
}

/** From where the caller may come. */
export const useOwnNetworks = () =>
  useQuery({
    queryKey: keys.networks,
    queryFn: ({ signal }) => get<OwnNetworks>('users/networks', undefined, signal),
  });

export function useSaveOwnNetworks() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (networks: string[]) => put<OwnNetworks>('users/networks', { networks }),
    onSuccess: (saved) => client.setQueryData(keys.networks, saved),
  });
}

/** A change of the second factor; the other devices are signed out by it. */
function useFactorMutation<I, O>(mutationFn: (input: I) => Promise<O>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: keys.secondFactor });
      void client.invalidateQueries({ queryKey: keys.sessions });
    },
  });
}

export const useEnrolSecondFactor = () => useMutation({ mutationFn: () => post<Enrolment>('users/second-factor') });
export const useConfirmSecondFactor = () =>
  useFactorMutation((code: string) => post<RecoveryCodes>('users/second-factor/confirm', { code }));
export const useRemoveSecondFactor = () => useFactorMutation<void, void>(() => remove<void>('users/second-factor'));
export const useRenewRecoveryCodes = () =>
  useFactorMutation<void, RecoveryCodes>(() => post('users/second-factor/recovery-codes'));
export const useConfirmPassword = () => useFactorMutation<void, void>(() => post<void>('users/password/confirm'));

export function useLoginSessions() {
  return useQuery({
    queryKey: keys.sessions,
    queryFn: ({ signal }) => get<Page<LoginSession>>('users/sessions', undefined, signal),
  });
}

export function useEndSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => remove<void>(`users/sessions/${id}`),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.sessions }),
  });
}

export function useApiKeys() {
  return useQuery({
    queryKey: keys.apiKeys,
    queryFn: ({ signal }) => get<ApiKeys>('users/api-keys', undefined, signal),
  });
}

export function useCreateApiKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (key: NewKeyRequest) => post<NewKey>('users/api-keys', key),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.apiKeys }),
  });
}

export function useRevokeApiKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => remove<void>(`users/api-keys/${id}`),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.apiKeys }),
  });
}

/** What was done in the own name and to the own things. */
export const useOwnAudit = () =>
  useInfiniteQuery({
    queryKey: keys.ownAudit,
    queryFn: ({ pageParam, signal }) => get<AuditPage>('users/audit', { limit: 20, before: pageParam }, signal),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next,
  });
