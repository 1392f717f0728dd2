// Draws a panel of horizontal bars. Every part carries the number of its legend entry where there is room for it, so that
// parts are told apart without colours.

import type { Bar, BarPanel } from './chart.js';
import type { Tone } from './palette.js';
import { project } from './scale.js';
import { type Box, drawHeading, drawHint, drawText, element, type Pen, roundPixel, textWidth } from './svg.js';

const BAR_HEIGHT = 24;
const BAR_GAP = 12;

/** Height that the panel takes, pixels. */
export function barPanelHeight(pen: Pen, panel: BarPanel): number {
  return headHeight(pen, panel) + panel.bars.length * (BAR_HEIGHT + BAR_GAP) + pen.fontSize * 3.4;
}

/** Draws the panel into its box, in pixels; `tones` are those of the legend. */
export function drawBars(pen: Pen, panel: BarPanel, box: Box, tones: readonly Tone[]): string {
  const widest = (words: string[]) => Math.max(0, ...words.map((each) => textWidth(each, pen.fontSize)));
  const left = widest(panel.bars.map((bar) => bar.label)) + 10;
  const right = widest(panel.bars.map((bar) => bar.note)) + 10;
  const top = box.y + headHeight(pen, panel);
  const height = panel.bars.length * (BAR_HEIGHT + BAR_GAP);
  const plot = { x: box.x + left, y: top, width: box.width - left - right, height };
  return [
    panel.title === '' ? '' : drawHeading(pen, panel.title, '', { x: box.x, y: box.y + pen.fontSize }),
    drawBase(pen, panel, plot),
    ...panel.bars.map((bar, at) => drawBar(pen, panel, bar, { ...plot, y: top + at * (BAR_HEIGHT + BAR_GAP) }, tones)),
  ].join('');
}

function headHeight(pen: Pen, { title }: BarPanel): number {
  return title === '' ? 4 : pen.fontSize * 2;
}

function drawBase(pen: Pen, { x }: BarPanel, plot: Box): string {
  const base = plot.y + plot.height;
  let free = Number.NEGATIVE_INFINITY;
  const ticks = x.ticks.map((tick) => {
    const at = roundPixel(project(x, tick.at, plot.x, plot.x + plot.width));
    const half = textWidth(tick.label, pen.fontSize) / 2;
    const line = element('path', { d: `M${at} ${roundPixel(plot.y)}V${roundPixel(base)}`, stroke: pen.colour('grid') });
    if (at - half < free) return line;
    free = at + half + 6;
    return line + drawText(pen, tick.label, { x: at, y: base + pen.fontSize * 1.2, anchor: 'middle' });
  });
  const title = drawText(pen, x.title, { x: plot.x + plot.width / 2, y: base + pen.fontSize * 2.7, anchor: 'middle' });
  return ticks.join('') + title;
}

function drawBar(pen: Pen, { x }: BarPanel, { label, note, parts }: Bar, row: Box, tones: readonly Tone[]): string {
  const baseline = row.y + BAR_HEIGHT / 2 + pen.fontSize * 0.36;
  const drawn = [drawText(pen, label, { x: row.x - 10, y: baseline, tone: 'ink', anchor: 'end' })];
  let sum = 0;
  let end = row.x;
  parts.forEach(({ value, hint }, at) => {
    sum += value;
    const start = end;
    end = project(x, sum, row.x, row.x + row.width);
    if (value <= 0) return;
    const number = String(at + 1);
    const width = Math.max(0.5, end - start - 1);
    drawn.push(
      element(
        'rect',
        { x: start, y: row.y, width, height: BAR_HEIGHT, fill: pen.colour(tones[at] ?? 'grey') },
        drawHint(hint),
      ),
    );
    if (textWidth(number, pen.fontSize) + 4 > width) return;
    drawn.push(
      drawText(pen, number, { x: start + width / 2, y: baseline, tone: 'paper', anchor: 'middle', bold: true }),
    );
  });
  drawn.push(drawText(pen, note, { x: end + 8, y: baseline, tone: 'ink', rim: true }));
  return drawn.join('');
}
