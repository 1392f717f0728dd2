// Finds room for words inside a chart: the first of several places that nothing else takes, or none at all. A label that
// would cover another says less than no label. Knows rectangles only.

import type { Box } from './svg.js';

/** Distance of the places at which a line is looked at, pixels; less than a label is high. */
const LINE_STEP = 5;

/** The room of one panel. */
export class LabelRoom {
  readonly #bounds: Box;
  readonly #taken: Box[] = [];
  readonly #avoided: Box[] = [];

  constructor(bounds: Box) {
    this.#bounds = bounds;
  }

  /** Keeps a rectangle free of labels. */
  reserve(box: Box): void {
    this.#taken.push(box);
  }

  /** Keeps a line free of labels as long as there is another place for them. */
  avoidLine(from: { x: number; y: number }, to: { x: number; y: number }): void {
    const steps = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / LINE_STEP);
    for (let step = 0; step <= steps; step++) {
      const along = (start: number, end: number) => start + ((end - start) * step) / Math.max(1, steps);
      this.#avoided.push({ x: along(from.x, to.x) - 1, y: along(from.y, to.y) - 1, width: 2, height: 2 });
    }
  }

  /** Takes the first candidate that is inside and free, one away from lines if possible; null if there is none. */
  take(candidates: readonly Box[]): Box | null {
    const free = candidates.filter(
      (box) => isInside(box, this.#bounds) && !this.#taken.some((each) => overlap(each, box)),
    );
    const best = free.find((box) => !this.#avoided.some((each) => overlap(each, box))) ?? free[0];
    if (best === undefined) return null;
    this.reserve(best);
    return best;
  }
}

function isInside(box: Box, bounds: Box): boolean {
  return (
    box.x >= bounds.x &&
    box.y >= bounds.y &&
    box.x + box.width <= bounds.x + bounds.width &&
    box.y + box.height <= bounds.y + bounds.height
  );
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
