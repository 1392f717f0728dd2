// In which order the windows of a sweep are measured. Every iteration begins one point later than the one before, so
// that no point is always measured first, on a cold system, or last, on a warm one.

/** One window: which point, and its how-manieth iteration, from 1. */
export interface Window {
  iteration: number;
  threads: number;
}

/** With points 2,4,6,8: 2,4,6,8 then 4,6,8,2 then 6,8,2,4 … */
export function rotateWindows(points: readonly number[], iterations: number): Window[] {
  const order: Window[] = [];
  for (let iteration = 1; iteration <= iterations; iteration++) {
    for (let place = 0; place < points.length; place++) {
      const threads = points[(place + iteration - 1) % points.length];
      if (threads !== undefined) order.push({ iteration, threads });
    }
  }
  return order;
}
