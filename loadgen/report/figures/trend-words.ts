// Words for how a figure moves along the points of a sweep.

/** Changes below this share are called none. */
export const LEVEL = 0.03;

/** `rises from 1 to 2`, `falls from 2 to 1`, `stays near 2`; the verb agrees with a singular subject. */
export function describeMove(first: number, last: number, format: (value: number) => string): string {
  const change = first === 0 ? (last === 0 ? 0 : Number.POSITIVE_INFINITY) : last / first - 1;
  if (Math.abs(change) < LEVEL) return `stays near ${format(last)}`;
  return `${change > 0 ? 'rises' : 'falls'} from ${format(first)} to ${format(last)}`;
}
