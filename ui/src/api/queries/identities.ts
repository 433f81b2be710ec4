import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, getPublic, post, postPublic, remove } from '../client';
import type { Arrival, Departure, LinkedIdentity, Login, OfferedProvider, Page } from '../types';
import { enter } from './auth';
import { keys } from './keys';

/** Signing in through a provider: the browser leaves the page and comes back to `/signed-in`. */

export type Purpose = 'sign-in' | 'link';
const AWAY = 'eggmoney.away';

function leaveFor(purpose: Purpose, { url }: Departure): void {
  // Only what to do afterwards; what proves anything is a cookie that scripts cannot read.
  sessionStorage.setItem(AWAY, purpose);
  location.assign(url);
}

/** Why the browser left; asked once when it comes back. */
export const purposeOfLeaving = (): Purpose => (sessionStorage.getItem(AWAY) === 'link' ? 'link' : 'sign-in');

export const useOfferedProviders = () =>
  useQuery({
    queryKey: keys.offeredProviders,
    queryFn: ({ signal }) => getPublic<Page<OfferedProvider>>('auth/oidc/providers', signal),
  });

export const useLeaveToSignIn = () =>
  useMutation({
    mutationFn: (provider_id: string) => postPublic<Departure>('auth/oidc/start', { provider_id }),
    onSuccess: (departure) => leaveFor('sign-in', departure),
  });

export const useLeaveToLink = () =>
  useMutation({
    mutationFn: (provider_id: string) => post<Departure>('users/identities/start', { provider_id }),
    onSuccess: (departure) => leaveFor('link', departure),
  });

export const useFinishSignIn = () =>
  useMutation({
    mutationFn: (arrival: Arrival) => postPublic<Login>('auth/oidc/finish', arrival),
    onSuccess: enter,
  });

export const useFinishWithCode = () =>
  useMutation({
    mutationFn: (input: { continuation: string; code: string }) => postPublic<Login>('auth/oidc/code', input),
    onSuccess: enter,
  });

export function useFinishLink() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (arrival: Arrival) => post<LinkedIdentity>('users/identities', arrival),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.identities }),
  });
}

export const useIdentities = () =>
  useQuery({
    queryKey: keys.identities,
    queryFn: ({ signal }) => get<Page<LinkedIdentity>>('users/identities', undefined, signal),
  });

export function useUnlink() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => remove<void>(`users/identities/${encodeURIComponent(id)}`),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: keys.identities });
      void client.invalidateQueries({ queryKey: keys.sessions });
    },
  });
}
