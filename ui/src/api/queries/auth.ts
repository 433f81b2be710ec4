import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, patch, post, postPublic, remove } from '../client';
import { signedIn, signedOut, updateUser } from '../session';
import type { Language, Login, LoginSession, Page, Profile, Registration, SessionUser } from '../types';
import { keys } from './keys';

export function useLogin() {
  return useMutation({
    mutationFn: (input: { username: string; password: string }) => postPublic<Login>('auth/login', input),
    onSuccess: signedIn,
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
