// The strokes and markers that tell series apart.

import type { Mark } from './chart.js';
import { drawHint, element, type Pen } from './svg.js';

const DASHES: Record<Mark['dash'], string | undefined> = {
  solid: undefined,
  long: '8 4',
  short: '4 3',
  dots: '1.5 3.5',
};

/** Half the width of a marker, pixels. */
export const MARKER_RADIUS = 4;

/** A line along a path. */
export function drawStroke(pen: Pen, mark: Mark, path: string): string {
  return element('path', {
    d: path,
    fill: 'none',
    stroke: pen.colour(mark.tone),
    'stroke-width': mark.dash === 'dots' ? 2.2 : 1.8,
    'stroke-dasharray': DASHES[mark.dash],
    'stroke-linejoin': 'round',
    'stroke-linecap': mark.dash === 'dots' ? 'round' : undefined,
  });
}

/** A marker at a place, with a hint for pointers. */
export interface MarkerPlace {
  x: number;
  y: number;
  hint?: string | undefined;
}

/** The markers of a series. */
export function drawMarkers(pen: Pen, mark: Mark, places: readonly MarkerPlace[]): string {
  if (places.length === 0) return '';
  const { tone, hollow } = mark;
  const paint = {
    fill: pen.colour(hollow ? 'paper' : tone),
    stroke: pen.colour(hollow ? tone : 'paper'),
    'stroke-width': hollow ? 1.8 : 1,
  };
  return element('g', paint, places.map((place) => drawMarker(mark, place)).join(''));
}

function drawMarker({ marker }: Mark, { x, y, hint }: MarkerPlace): string {
  const r = MARKER_RADIUS;
  const content = hint === undefined ? null : drawHint(hint);
  switch (marker) {
    case 'circle':
      return element('circle', { cx: x, cy: y, r }, content);
    case 'square':
      return element('rect', { x: x - r + 0.5, y: y - r + 0.5, width: 2 * r - 1, height: 2 * r - 1 }, content);
    case 'diamond':
      return element('path', { d: polygon(x, y, [0, -r - 1, r + 1, 0, 0, r + 1, -r - 1, 0]) }, content);
    case 'triangle':
      return element('path', { d: polygon(x, y, [0, -r - 1, r + 1, r - 0.5, -r - 1, r - 0.5]) }, content);
  }
}

function polygon(x: number, y: number, offsets: readonly number[]): string {
  const at = (index: number, origin: number) => (origin + (offsets[index] ?? 0)).toFixed(1);
  const corners = Array.from(
    { length: offsets.length / 2 },
    (_, corner) => `${at(2 * corner, x)} ${at(2 * corner + 1, y)}`,
  );
  return `M${corners.join('L')}Z`;
}
