// Charts as files for pasting: SVG with plain colours, and PNG of twice the size. Light always; the font comes along as a
// package, so that words do not vanish on a machine without fonts.

import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';

import type { Chart } from './charts/chart.js';
import { drawChart } from './charts/draw-chart.js';
import { LIGHT } from './charts/palette.js';
import { drawText, element, type Pen, textWidth } from './charts/svg.js';

const FONT = 'DejaVu Sans';
const FONT_PACKAGE = 'dejavu-fonts-ttf/ttf';
const MARGIN = 20;
const PNG_SCALE = 2;
const PEN: Pen = { colour: (tone) => LIGHT[tone], fontSize: 12 };

/** A chart as an SVG document that stands by itself, with its title and finding above it. */
export function drawPicture(chart: Chart): string {
  const width = chart.size === 'half' ? 640 : 1180;
  const title = { ...PEN, fontSize: 16 };
  const lines = wrapWords(chart.caption, width, PEN.fontSize);
  const top = 30 + lines.length * 17 + 6;
  const drawing = drawChart(PEN, chart, { width, columns: chart.columns }, top);
  const size = { width: width + 2 * MARGIN, height: drawing.height + 2 * MARGIN };
  const heading = element(
    'g',
    { 'font-size': 16 },
    drawText(title, chart.title, { x: 0, y: 16, tone: 'ink', bold: true }),
  );
  const caption = lines.map((line, at) => drawText(PEN, line, { x: 0, y: 38 + at * 17 })).join('');
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      ...size,
      viewBox: `0 0 ${size.width} ${size.height}`,
      'font-family': `${FONT}, Verdana, sans-serif`,
      'font-size': PEN.fontSize,
      fill: LIGHT.muted,
      role: 'img',
      'aria-label': `${chart.title}. ${chart.caption}`,
    },
    element('rect', { ...size, fill: LIGHT.paper }) +
      element('g', { transform: `translate(${MARGIN} ${MARGIN})` }, heading + caption + drawing.markup),
  );
}

/** A drawn picture as PNG, twice as large. */
export function rasterize(svg: string): Buffer {
  const require = createRequire(import.meta.url);
  const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((file) => require.resolve(`${FONT_PACKAGE}/${file}`));
  const font = { loadSystemFonts: false, fontFiles, defaultFontFamily: FONT };
  return new Resvg(svg, { font, fitTo: { mode: 'zoom', value: PNG_SCALE } }).render().asPng();
}

function wrapWords(text: string, width: number, fontSize: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && textWidth(longer, fontSize) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}
