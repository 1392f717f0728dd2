// From values to positions, and the round numbers that an axis is marked with. Pure arithmetic.

/** A mark on an axis. */
export interface Tick {
  at: number;
  label: string;
}

/** One direction of a chart. `from` < `to`; both are above 0 on a logarithmic axis. */
export interface Axis {
  kind: 'linear' | 'log';
  from: number;
  to: number;
  ticks: Tick[];
  /** Unit or meaning; empty where it goes without saying. */
  title: string;
}

/** Where a value lies on an axis that is drawn from `start` to `end`; values outside lie on its ends. */
export function project({ kind, from, to }: Axis, value: number, start: number, end: number): number {
  const place = kind === 'log' ? (each: number) => Math.log(Math.max(each, Number.MIN_VALUE)) : (each: number) => each;
  const share = (place(value) - place(from)) / (place(to) - place(from));
  return start + Math.min(1, Math.max(0, share)) * (end - start);
}

/** An axis from 0 to a round number at or above `max`, with about `wanted` steps. */
export function axisFromZero(max: number, wanted: number, title: string, label: (at: number) => string): Axis {
  const step = roundStep((max > 0 ? max : 1) / wanted);
  const steps = Math.max(1, Math.ceil((max > 0 ? max : 1) / step - 1e-9));
  const ticks = Array.from({ length: steps + 1 }, (_, at) => Number((at * step).toPrecision(12)));
  return { kind: 'linear', from: 0, to: steps * step, ticks: ticks.map((at) => ({ at, label: label(at) })), title };
}

/** An axis over round numbers that holds all values and 0, with about `wanted` steps. */
export function axisAround(
  values: readonly number[],
  wanted: number,
  title: string,
  label: (at: number) => string,
): Axis {
  const low = values.reduce((least, value) => Math.min(least, value), 0);
  const high = values.reduce((most, value) => Math.max(most, value), 0);
  const step = roundStep((high > low ? high - low : 1) / wanted);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)));
  return {
    kind: 'linear',
    from: first * step,
    to: last * step,
    ticks: ticks.map((at) => ({ at, label: label(at) })),
    title,
  };
}

/** A logarithmic axis around the values above 0; from 0.1 to 1 if there are none. */
export function logAxis(values: readonly number[], title: string, label: (at: number) => string): Axis {
  const positive = values.filter((value) => value > 0);
  const min = positive.length === 0 ? 0.1 : positive.reduce((least, value) => Math.min(least, value));
  const max = positive.length === 0 ? 0.5 : positive.reduce((most, value) => Math.max(most, value));
  const ticks: number[] = [];
  for (let exponent = Math.floor(Math.log10(min)) - 1; exponent <= Math.ceil(Math.log10(max)) + 1; exponent++) {
    for (const digit of [1, 2, 5]) ticks.push(Number((digit * 10 ** exponent).toPrecision(1)));
  }
  const first = ticks.findLastIndex((at) => at <= min);
  const last = ticks.findIndex((at) => at > max);
  const shown = ticks.slice(first, last + 1);
  // Beyond two and a half decades, every power of ten is enough.
  const wide = shown.length > 8;
  const marked = wide ? shown.filter((at) => Math.abs(Math.log10(at) % 1) < 1e-9) : shown;
  return {
    kind: 'log',
    from: shown[0] ?? 0.1,
    to: shown.at(-1) ?? 1,
    ticks: marked.map((at) => ({ at, label: label(at) })),
    title,
  };
}

/** The smallest of 1, 2, 2.5, 5 × 10ⁿ that is at least `value`. */
function roundStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const digit = [1, 2, 2.5, 5].find((each) => each * power >= value * (1 - 1e-9)) ?? 10;
  return digit * power;
}
