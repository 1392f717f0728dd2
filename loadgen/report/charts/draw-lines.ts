// Draws a panel of lines: axes, grid, guides, whiskers, lines, markers and labels, in this order.

import type { ChartPoint, LinePanel, Series } from './chart.js';
import { drawMarkers, drawStroke, MARKER_RADIUS } from './draw-marks.js';
import { LabelRoom } from './label-room.js';
import { project } from './scale.js';
import { type Box, drawHeading, drawText, element, type Pen, roundPixel, textWidth } from './svg.js';

/** Room that the labels of the value axis take, pixels. */
export function axisWidth(pen: Pen, { y }: LinePanel): number {
  return Math.max(0, ...y.ticks.map((tick) => textWidth(tick.label, pen.fontSize))) + 8;
}

/** Draws the panel into its box; `left` pixels of it are for the value axis, so that panels stand in line. */
export function drawLines(pen: Pen, panel: LinePanel, box: Box, left: number): string {
  const plot = plotBox(pen, panel, box, left);
  const place = (point: { x: number; y: number }) => ({
    x: project(panel.x, point.x, plot.x, plot.x + plot.width),
    y: project(panel.y, point.y, plot.y + plot.height, plot.y),
  });
  const above = pen.fontSize * 0.6;
  const room = new LabelRoom({ ...plot, y: plot.y - above, width: plot.width + 12, height: plot.height + above });
  for (const { points } of panel.series) reserveLine(room, points, place);
  return [
    drawHeading(pen, panel.title, panel.y.title, { x: box.x, y: box.y + pen.fontSize }),
    drawValueAxis(pen, panel, plot),
    drawBaseAxis(pen, panel, plot),
    drawGuides(pen, panel, plot),
    ...panel.series.map((series) => drawSeries(pen, series, place)),
    ...panel.series.map(({ points, mark }) => drawMarkers(pen, mark, markersOf(points, place))),
    drawGuideLabels(pen, panel, plot, room),
    ...panel.series.flatMap(({ points, mark }) => drawLabels(pen, points, mark.tone, place, room)),
  ].join('');
}

type Place = (point: { x: number; y: number }) => { x: number; y: number };

function plotBox(pen: Pen, { x, y, title }: LinePanel, box: Box, left: number): Box {
  const top = title === '' && y.title === '' ? pen.fontSize : pen.fontSize * 2;
  const bottom = pen.fontSize * (x.title === '' ? 1.7 : 3.1);
  return { x: box.x + left, y: box.y + top, width: box.width - left - 14, height: box.height - top - bottom };
}

/** Markers must not be covered by labels; lines only where there is no other place. */
function reserveLine(room: LabelRoom, points: readonly ChartPoint[], place: Place): void {
  let last: { x: number; y: number } | null = null;
  for (const { x, y, marked, range } of points) {
    const at = y === null ? null : place({ x, y });
    if (at !== null && range !== undefined) room.avoidLine(place({ x, y: range[0] }), place({ x, y: range[1] }));
    if (at !== null && last !== null) room.avoidLine(last, at);
    const r = MARKER_RADIUS;
    if (at !== null && marked) room.reserve({ x: at.x - r, y: at.y - r, width: 2 * r, height: 2 * r });
    last = at;
  }
}

function markersOf(points: readonly ChartPoint[], place: Place) {
  return points.flatMap(({ x, y, marked, hint }) => (y === null || !marked ? [] : [{ ...place({ x, y }), hint }]));
}

function drawValueAxis(pen: Pen, { y }: LinePanel, plot: Box): string {
  const every = Math.ceil((y.ticks.length * pen.fontSize * 1.25) / plot.height);
  return y.ticks
    .filter((_, at) => at % every === 0)
    .map((tick) => {
      const at = project(y, tick.at, plot.y + plot.height, plot.y);
      const line = `M${roundPixel(plot.x)} ${roundPixel(at)}h${roundPixel(plot.width)}`;
      return (
        element('path', { d: line, stroke: pen.colour('grid') }) +
        drawText(pen, tick.label, { x: plot.x - 6, y: at + pen.fontSize * 0.35, anchor: 'end' })
      );
    })
    .join('');
}

function drawBaseAxis(pen: Pen, { x }: LinePanel, plot: Box): string {
  const base = plot.y + plot.height;
  const drawn = [
    element('path', {
      d: `M${roundPixel(plot.x)} ${roundPixel(base)}h${roundPixel(plot.width)}`,
      stroke: pen.colour('axis'),
    }),
  ];
  let free = Number.NEGATIVE_INFINITY;
  for (const tick of x.ticks) {
    const at = project(x, tick.at, plot.x, plot.x + plot.width);
    drawn.push(element('path', { d: `M${roundPixel(at)} ${roundPixel(base)}v4`, stroke: pen.colour('axis') }));
    const half = textWidth(tick.label, pen.fontSize) / 2;
    if (at - half < free) continue;
    free = at + half + 6;
    drawn.push(drawText(pen, tick.label, { x: at, y: base + pen.fontSize * 1.4, anchor: 'middle' }));
  }
  if (x.title !== '') {
    drawn.push(drawText(pen, x.title, { x: plot.x + plot.width / 2, y: base + pen.fontSize * 2.8, anchor: 'middle' }));
  }
  return drawn.join('');
}

/** Where the label of a guide may stand, from its left end to its right one; the first that is free is taken. */
const GUIDE_LABEL_PLACES = [1, 0, 0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4, 0.5];

function drawGuides(pen: Pen, { guides, y }: LinePanel, plot: Box): string {
  const line = (at: number) => roundPixel(project(y, at, plot.y + plot.height, plot.y));
  const path = guides.map(({ at }) => `M${roundPixel(plot.x)} ${line(at)}h${roundPixel(plot.width)}`).join('');
  return path === '' ? '' : element('path', { d: path, stroke: pen.colour('ink'), 'stroke-dasharray': '2 3' });
}

function drawGuideLabels(pen: Pen, { guides, y }: LinePanel, plot: Box, room: LabelRoom): string {
  return guides
    .map(({ at, label }) => {
      const line = project(y, at, plot.y + plot.height, plot.y);
      const width = textWidth(label, pen.fontSize);
      const height = pen.fontSize * 1.2;
      const places = GUIDE_LABEL_PLACES.map((share) => plot.x + 2 + share * (plot.width - width - 2));
      const free = room.take(
        places.flatMap((x) => [line - height - 2, line + 3].map((top) => ({ x, y: top, width, height }))),
      );
      if (free === null) return '';
      return drawText(pen, label, { x: free.x, y: free.y + pen.fontSize, tone: 'ink', rim: true });
    })
    .join('');
}

function drawSeries(pen: Pen, { points, mark }: Series, place: Place): string {
  const whiskers: string[] = [];
  let path = '';
  let isBroken = true;
  for (const { x, y, range } of points) {
    if (y === null) {
      isBroken = true;
      continue;
    }
    const at = place({ x, y });
    path += `${isBroken ? 'M' : 'L'}${roundPixel(at.x)} ${roundPixel(at.y)}`;
    isBroken = false;
    if (range !== undefined) {
      const [low, high] = range.map((end) => roundPixel(place({ x, y: end }).y));
      const left = roundPixel(at.x - 3.5);
      whiskers.push(`M${left} ${low}h7M${roundPixel(at.x)} ${low}V${high}M${left} ${high}h7`);
    }
  }
  const line = path === '' ? '' : drawStroke(pen, mark, path);
  if (whiskers.length === 0) return line;
  const paint = { fill: 'none', stroke: pen.colour(mark.tone), 'stroke-width': 1.4 };
  return line + element('path', { d: whiskers.join(''), ...paint });
}

function drawLabels(
  pen: Pen,
  points: ChartPoint[],
  tone: Series['mark']['tone'],
  place: Place,
  room: LabelRoom,
): string[] {
  return points.flatMap(({ x, y, label }) => {
    if (y === null || label === undefined) return [];
    const at = place({ x, y });
    const width = textWidth(label, pen.fontSize);
    const height = pen.fontSize * 1.15;
    const candidate = (dx: number, dy: number) => ({ x: at.x + dx, y: at.y + dy, width, height });
    const free = room.take([
      candidate(-width / 2, -height - 7),
      candidate(-width - 7, -height),
      candidate(7, -height),
      candidate(-width / 2, 7),
      candidate(7, 4),
      candidate(-width - 7, 4),
    ]);
    if (free === null) return [];
    const middle = free.x + width / 2;
    return [
      drawText(pen, label, {
        x: middle,
        y: free.y + pen.fontSize * 0.9,
        tone,
        anchor: 'middle',
        bold: true,
        rim: true,
      }),
    ];
  });
}
