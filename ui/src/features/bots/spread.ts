/** Moves labels (in ascending order) apart so that neighbours keep `gap`; they stay between `top` and `bottom` if they fit. */
export function spread(positions: number[], gap: number, top: number, bottom: number): number[] {
  const result: number[] = [];
  let previous = top - gap;
  for (const position of positions) {
    previous = Math.max(position, previous + gap);
    result.push(previous);
  }
  let limit = bottom;
  for (let index = result.length - 1; index >= 0; index -= 1) {
    const here = Math.min(result[index] ?? limit, limit);
    result[index] = here;
    limit = here - gap;
  }
  return result;
}
