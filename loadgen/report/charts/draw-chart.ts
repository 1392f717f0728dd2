// Draws a whole chart: legend, then stacks of panels, as many side by side as asked for. An own writer rather than a
// library: one drawing has to serve a page that turns dark, a phone and a picture, with no clashing ids and no script.

import type { Chart, LegendEntry, Panel } from './chart.js';
import { barPanelHeight, drawBars } from './draw-bars.js';
import { axisWidth, drawLines } from './draw-lines.js';
import { drawMarkers, drawStroke } from './draw-marks.js';
import { drawText, element, type Pen, textWidth } from './svg.js';

/** How large a chart is drawn. */
export interface DrawingSize {
  width: number;
  columns: number;
}

/** A drawing: markup for the inside of an `svg` element, and the height that it takes. */
export interface Drawing {
  markup: string;
  width: number;
  height: number;
}

const STACK_GAP = 24;

/** Draws a chart from `top` on, in pixels. */
export function drawChart(pen: Pen, chart: Chart, { width, columns }: DrawingSize, top = 0): Drawing {
  const legend = drawLegend(pen, chart.legend, width, top);
  const markup = [legend.markup];
  const columnWidth = (width - STACK_GAP * (columns - 1)) / columns;
  const tones = chart.legend.map((entry) => ('tone' in entry ? entry.tone : entry.mark.tone));
  const left = Math.max(0, ...chart.stacks.flat().map((panel) => (panel.kind === 'lines' ? axisWidth(pen, panel) : 0)));
  let y = legend.bottom;
  for (let first = 0; first < chart.stacks.length; first += columns) {
    let bottom = y;
    chart.stacks.slice(first, first + columns).forEach((stack, column) => {
      let panelTop = y;
      for (const panel of stack) {
        const height = panelHeight(pen, panel);
        const box = { x: column * (columnWidth + STACK_GAP), y: panelTop, width: columnWidth, height };
        markup.push(panel.kind === 'lines' ? drawLines(pen, panel, box, left) : drawBars(pen, panel, box, tones));
        panelTop += height + 6;
      }
      bottom = Math.max(bottom, panelTop);
    });
    y = bottom + 8;
  }
  return { markup: markup.join(''), width, height: Math.ceil(y) };
}

function panelHeight(pen: Pen, panel: Panel): number {
  return panel.kind === 'lines' ? panel.height : barPanelHeight(pen, panel);
}

const SAMPLE_WIDTH = 30;

function drawLegend(pen: Pen, entries: readonly LegendEntry[], width: number, top: number) {
  const lineHeight = pen.fontSize * 1.7;
  let x = 0;
  let y = top + lineHeight / 2 + 2;
  const drawn = entries.map((entry, at) => {
    const taken = SAMPLE_WIDTH + 6 + textWidth(entry.name, pen.fontSize) + 14;
    if (x > 0 && x + taken > width) {
      x = 0;
      y += lineHeight;
    }
    const words = drawText(pen, entry.name, { x: x + SAMPLE_WIDTH + 6, y: y + pen.fontSize * 0.35, tone: 'ink' });
    const sample = drawSample(pen, entry, at, x, y);
    x += taken;
    return sample + words;
  });
  return { markup: drawn.join(''), bottom: entries.length === 0 ? top : y + lineHeight / 2 + 8 };
}

function drawSample(pen: Pen, entry: LegendEntry, at: number, x: number, y: number): string {
  if ('mark' in entry) {
    const line = drawStroke(pen, entry.mark, `M${x} ${y}h${SAMPLE_WIDTH}`);
    return line + drawMarkers(pen, entry.mark, [{ x: x + SAMPLE_WIDTH / 2, y }]);
  }
  const box = { x: x + SAMPLE_WIDTH - 18, y: y - 8, width: 18, height: 16 };
  return (
    element('rect', { ...box, fill: pen.colour(entry.tone) }) +
    drawText(pen, String(at + 1), {
      x: box.x + 9,
      y: y + pen.fontSize * 0.36,
      tone: 'paper',
      anchor: 'middle',
      bold: true,
    })
  );
}
