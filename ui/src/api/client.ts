import { ApiError, problemOf } from './errors';
import { questionOf } from './proof';
import { accessToken, apiUrl, refreshSession } from './session';

/** The one place that talks to the server: adds the token, retries once after a 401, turns problems into `ApiError`. */

export type Query = Record<string, string | number | boolean | null | undefined>;

export interface CallOptions {
  query?: Query;
  body?: unknown;
  form?: FormData;
  signal?: AbortSignal;
  /** Names the request, so that sending it again does nothing a second time. */
  key?: string;
  /** Public calls carry no token and are not retried. */
  anonymous?: boolean;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

function send(method: Method, path: string, options: CallOptions, token: string | null): Promise<Response> {
  const url = apiUrl(path);
  for (const [key, value] of Object.entries(options.query ?? {})) {
    if (value !== null && value !== undefined && value !== '') url.searchParams.set(key, String(value));
  }
  const headers: Record<string, string> = { Accept: 'application/json', 'X-Client': 'web' };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (options.key) headers['Idempotency-Key'] = options.key;
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  const body = options.form ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  return fetch(url, { method, headers, body, signal: options.signal, credentials: 'same-origin' }).catch((cause) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError({ status: 0, code: 'network', detail: String(cause) });
  });
}

async function answered(method: Method, path: string, options: CallOptions): Promise<Response> {
  const token = options.anonymous ? null : await accessToken();
  let response = await send(method, path, options, token);
  if (response.status === 401 && !options.anonymous) {
    const fresh = await refreshSession();
    if (fresh) response = await send(method, path, options, fresh);
  }
  if (response.ok) return response;
  const asked = new Set<unknown>();
  for (;;) {
    const problem = await problemOf(response);
    const question = questionOf(problem.code);
    if (!question || asked.has(question) || !(await question.answer())) throw problem;
    asked.add(question);
    response = await send(method, path, options, await accessToken());
    if (response.ok) return response;
  }
}

async function call<T>(method: Method, path: string, options: CallOptions = {}): Promise<T> {
  const response = await answered(method, path, options);
  if (response.status === 204) return undefined as T;
  const content = await response.text();
  return (content === '' ? undefined : JSON.parse(content)) as T;
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> =>
  call<T>('GET', path, { query, signal });
/** Saves a file of the server under a name; links carry no token. */
export async function download(path: string, name: string): Promise<void> {
  const url = URL.createObjectURL(await (await answered('GET', path, {})).blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
export const post = <T>(path: string, body?: unknown, options?: CallOptions): Promise<T> =>
  call<T>('POST', path, { ...options, body });
export const put = <T>(path: string, body: unknown): Promise<T> => call<T>('PUT', path, { body });
export const patch = <T>(path: string, body: unknown): Promise<T> => call<T>('PATCH', path, { body });
export const remove = <T>(path: string): Promise<T> => call<T>('DELETE', path);
export const getPublic = <T>(path: string, signal?: AbortSignal): Promise<T> =>
  call<T>('GET', path, { signal, anonymous: true });
export const postPublic = <T>(path: string, body?: unknown): Promise<T> =>
  call<T>('POST', path, { body, anonymous: true });
