// Pieces of the page: tables, figures, checks and facts as HTML. All words come in as plain text and are escaped here.

import type { Chart } from '../charts/chart.js';
import { drawChart } from '../charts/draw-chart.js';
import { element, escapeText } from '../charts/svg.js';
import { formatCount } from '../format.js';
import type { KeyFigure } from '../key-figures.js';
import type { ReportTable } from '../report-table.js';
import type { Check } from '../verdict.js';

/** Rows beyond these are left to `result.json`. */
const ROWS_LIMIT = 240;
const FULL_WIDTH = 1180;
const HALF_WIDTH = 560;
const NARROW_WIDTH = 358;

/** A section with a heading of the second level. */
export function section(id: string, title: string, content: string): string {
  const heading = element('h2', { id: `${id}-title` }, escapeText(title));
  return element('section', { id, 'aria-labelledby': `${id}-title` }, heading + content);
}

/** A table that scrolls by itself, under a heading of the third level. */
export function titledTable(table: ReportTable): string {
  return element('h3', {}, escapeText(table.title)) + scrollingTable(table);
}

/** A chart with its finding, drawn for wide and for narrow windows, and its figures. */
export function figure(chart: Chart): string {
  const caption = element('h3', {}, escapeText(chart.title)) + element('p', {}, escapeText(chart.caption));
  const wide = { width: chart.size === 'half' ? HALF_WIDTH : FULL_WIDTH, columns: chart.columns };
  const summary = element('summary', {}, `Table: ${escapeText(chart.title)}`);
  return element(
    'figure',
    { id: chart.name, class: chart.size },
    element('figcaption', {}, caption) +
      drawing(chart, 'wide', wide) +
      drawing(chart, 'narrow', { width: NARROW_WIDTH, columns: 1 }) +
      element('details', {}, summary + scrollingTable(chart.table)),
  );
}

/** The checks as a list; the sign and the words carry the state, not only the colour. */
export function checkList(checks: readonly Check[]): string {
  const items = checks.map(({ name, state, text, examples }) => {
    const sign = element('span', { class: 'sign', 'aria-hidden': 'true' }, SIGNS[state]);
    const more =
      examples.length === 0
        ? ''
        : element('ul', {}, examples.map((example) => element('li', {}, escapeText(example))).join(''));
    return element('li', { class: state }, `${sign}<b>${escapeText(name)}:</b> ${escapeText(text)}${more}`);
  });
  return element('ul', { class: 'checks' }, items.join(''));
}

/** The first figures that a reader wants. */
export function keyFigures(figures: readonly KeyFigure[]): string {
  const cards = figures.map(({ label, value, unit, note }) =>
    element(
      'div',
      {},
      element('dt', {}, escapeText(label)) +
        element('dd', { class: 'value' }, `${escapeText(value)} <small>${escapeText(unit)}</small>`) +
        element('dd', { class: 'note' }, escapeText(note)),
    ),
  );
  return element('dl', { class: 'keys' }, cards.join(''));
}

/** Names and texts. */
export function factList(facts: readonly [string, string][]): string {
  const rows = facts.map(([name, text]) => element('dt', {}, escapeText(name)) + element('dd', {}, escapeText(text)));
  return element('dl', { class: 'facts' }, rows.join(''));
}

const SIGNS: Record<Check['state'], string> = { good: '✓', bad: '✗', plain: '•', alarm: '✗' };

function drawing(chart: Chart, kind: 'wide' | 'narrow', size: { width: number; columns: number }): string {
  const fontSize = kind === 'wide' ? 12 : 11;
  const { markup, width, height } = drawChart({ colour: (tone) => `var(--${tone})`, fontSize }, chart, size);
  return element(
    'svg',
    {
      class: kind,
      viewBox: `0 0 ${width} ${height}`,
      'font-size': fontSize,
      fill: 'var(--muted)',
      role: 'img',
      'aria-label': `${chart.title}. ${chart.caption}`,
    },
    markup,
  );
}

function scrollingTable({ title, heads, rows, widths }: ReportTable): string {
  const isNumeric = heads.map((_, column) =>
    rows.every((row) => /^(?:[+-]?[\d,.]+(?![\d,.:])|[–✓✗]|$)/.test(row[column] ?? '')),
  );
  const kind = (column: number) => (isNumeric[column] === true ? 'n' : undefined);
  const head = heads.map((cell, at) => element('th', { scope: 'col', class: kind(at) }, escapeText(cell))).join('');
  const body = rows.slice(0, ROWS_LIMIT).map((row) => {
    const cells = row.map((cell, at) =>
      at === 0
        ? element('th', { scope: 'row', class: kind(at) }, escapeText(cell))
        : element('td', { class: kind(at) }, escapeText(cell)),
    );
    return element('tr', {}, cells.join(''));
  });
  const opening = widths === undefined ? '<table>' : '<table class="sentences">';
  const table = `${opening}<thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table>`;
  const left = rows.length - ROWS_LIMIT;
  const note = left <= 0 ? '' : `<p class="muted">${formatCount(left)} more rows: see result.json.</p>`;
  return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': title }, table) + note;
}
