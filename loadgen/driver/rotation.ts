// In which order things are measured that are to be compared. Every round begins one thing later than the one before, so
// that nothing is always measured first, on a cold system, or last, on a warm one.

/** One measurement: of what, and in which round, from 1. */
export interface Turn<T> {
  round: number;
  item: T;
}

/** One window: which point, and its how-manieth iteration, from 1. */
export interface Window {
  iteration: number;
  threads: number;
}

/** With a, b, c: a, b, c then b, c, a then c, a, b … */
export function rotate<T>(items: readonly T[], rounds: number): Turn<T>[] {
  return Array.from({ length: rounds }, (_, turned) => {
    const first = turned % Math.max(1, items.length);
    return [...items.slice(first), ...items.slice(0, first)].map((item) => ({ round: turned + 1, item }));
  }).flat();
}

/** With points 2,4,6,8: 2,4,6,8 then 4,6,8,2 then 6,8,2,4 … */
export function rotateWindows(points: readonly number[], iterations: number): Window[] {
  return rotate(points, iterations).map(({ round, item }) => ({ iteration: round, threads: item }));
}
