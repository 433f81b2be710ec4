/** `4 messages` → `messages` and 4; `no active bots` → `no_active_bots`. The server's remarks on a run are English. */
export function runDetail(detail: string): { key: string; count: number } {
  return {
    key: detail
      .toLowerCase()
      .replaceAll(/[^a-z]+/g, '_')
      .replaceAll(/^_|_$/g, ''),
    count: Number(/^\d+/.exec(detail)?.[0] ?? 0),
  };
}
