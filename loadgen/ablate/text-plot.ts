// Intervals drawn with characters, for terminals: one line each, all on one scale around no change. Knows numbers only.

/** A change and the interval around it, as parts of the whole: 0.1 is ten percent more. */
export interface PlottedChange {
  change: number;
  /** Null where there is none. */
  interval: { low: number; high: number } | null;
  /** Whether it is called a difference. */
  isDifference: boolean;
}

/** Odd, so that no change stands in the middle. */
const WIDTH = 31;
const MIDDLE = (WIDTH - 1) / 2;
const SCALES = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/** The smallest scale on which all of them can be seen, as the change at either end. */
export function plotScale(changes: readonly PlottedChange[]): number {
  const most = changes.reduce(
    (widest, { change, interval }) =>
      Math.max(widest, Math.abs(change), Math.abs(interval?.low ?? 0), Math.abs(interval?.high ?? 0)),
    0,
  );
  return SCALES.find((scale) => scale >= most) ?? SCALES.at(-1) ?? 1;
}

/** What stands above a column of plots: both ends of the scale, and no change between them. */
export function plotHead(scale: number): string {
  const end = `${Number((scale * 100).toPrecision(3))} %`;
  const left = `−${end}`;
  const right = `+${end}`;
  return left + '0'.padStart(MIDDLE + 1 - left.length) + right.padStart(WIDTH - MIDDLE - 1);
}

/** One line; null is the baseline itself. What lies beyond the scale ends in an arrow head. */
export function plotLine(plotted: PlottedChange | null, scale: number): string {
  const cells = Array.from({ length: WIDTH }, (_, at): string => (at === MIDDLE ? '┊' : ' '));
  if (plotted === null) return cells.join('').trimEnd();
  const place = (change: number) => Math.round(MIDDLE + (change / scale) * MIDDLE);
  const put = (change: number, inside: string) => {
    const at = place(change);
    if (at < 0) cells[0] = '‹';
    else if (at >= WIDTH) cells[WIDTH - 1] = '›';
    else cells[at] = inside;
  };
  const { change, interval, isDifference } = plotted;
  if (interval !== null) {
    for (let at = Math.max(0, place(interval.low)); at <= Math.min(WIDTH - 1, place(interval.high)); at++) {
      cells[at] = at === MIDDLE ? '┼' : '─';
    }
    put(interval.low, '├');
    put(interval.high, '┤');
  }
  put(change, isDifference ? '●' : '○');
  return cells.join('').trimEnd();
}
