// How much is drawn at most: beyond this nobody scrolls, and a page would grow without bound. Tables and `result.json`
// have the rest, and captions say so.

/** Points of a sweep that get panels of their own. */
export const POINTS_DRAWN_LIMIT = 8;

/** Iterations of a point that get panels of their own. */
export const ITERATIONS_DRAWN_LIMIT = 6;

/** Parts of windows that are drawn, over all windows of all charts; each window gets its share. */
const PARTS_DRAWN_LIMIT = 2400;
const PARTS_PER_WINDOW_LIMIT = 160;

/** Parts that one window of so many is drawn with at most. */
export function partsPerWindow(windows: number): number {
  return Math.min(PARTS_PER_WINDOW_LIMIT, Math.max(1, Math.floor(PARTS_DRAWN_LIMIT / Math.max(1, windows))));
}
