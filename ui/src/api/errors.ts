import type { Problem } from './types';

/** What went wrong with a call. `status` 0 means that no answer came at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title ?? problem.code ?? `HTTP ${problem.status}`);
    this.name = 'ApiError';
    this.status = problem.status;
    this.code = problem.code ?? (problem.status === 0 ? 'network' : `http_${problem.status}`);
    this.problem = problem;
  }

  /** Name of the refused field: the last part of a JSON pointer. */
  get field(): string | null {
    const pointer = this.problem.pointer;
    if (!pointer) return null;
    return pointer.replace(/^#?\/?/, '').replaceAll('/', '.') || null;
  }
}

/** Codes that say too little without the server's own words. */
export const VAGUE: ReadonlySet<string> = new Set([
  'invalid',
  'malformed',
  'conflict',
  'missing_field',
  'unknown_field',
]);

export async function problemOf(response: Response): Promise<ApiError> {
  const type = response.headers.get('content-type') ?? '';
  if (type.includes('json')) {
    const body: unknown = await response.json().catch(() => null);
    if (body && typeof body === 'object') return new ApiError({ ...(body as Problem), status: response.status });
  }
  return new ApiError({ status: response.status, title: response.statusText });
}

export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409;
