// Writes everything that is made from an ablation: the document, the page, the Markdown and the pictures. Measures
// nothing; what is said comes from describe-ablation.ts, what is drawn from effect-chart.ts.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Chart } from '../report/charts/chart.js';
import { element, escapeText } from '../report/charts/svg.js';
import { renderMarkdown } from '../report/markdown.js';
import { renderFrame } from '../report/page/frame.js';
import { describeOrigin } from '../report/page/html.js';
import { factList, figure, titledTable } from '../report/page/parts.js';
import { drawPicture, rasterize } from '../report/pictures.js';
import type { AblationResult } from './ablation-result.js';
import { describeAblation, describeAlarms, describeLevel } from './describe-ablation.js';
import { effectChart } from './effect-chart.js';

/** File name of a saved ablation in its directory. */
export const ABLATION_FILE = 'ablation.json';

/** Paths of what was written. */
export interface AblationFiles {
  document: string;
  html: string;
  markdown: string;
}

/** The document that is saved and printed: the result with the sentences that a reader of the tables would see. */
export function toDocument(result: AblationResult): string {
  const factors = result.factors.map((factor) => ({
    ...factor,
    levels: factor.levels.map((level) => ({
      ...level,
      sentence: level.isBaseline ? null : describeLevel(factor, level),
    })),
  }));
  return `${JSON.stringify({ ...result, factors }, null, 2)}\n`;
}

/** Writes ablation.json, report.html, report.md and pictures/ below `out`, the document first. */
export function writeAblation(result: AblationResult, out: string): AblationFiles {
  const at = (name: string) => path.join(out, name);
  const files = { document: at(ABLATION_FILE), html: at('report.html'), markdown: at('report.md') };
  mkdirSync(at('pictures'), { recursive: true });
  // First: whatever becomes of the report, what was measured is kept.
  writeFileSync(files.document, toDocument(result));
  const charts = composeEffectCharts(result);
  writeFileSync(files.html, renderAblationPage(result));
  const pictures = charts.map(({ name, title }) => ({ file: `pictures/${name}.png`, shows: `Effects of ${title}` }));
  writeFileSync(
    files.markdown,
    renderMarkdown(describeAblation(result, { hasPlots: false }), { title: 'Ablations', pictures }),
  );
  for (const chart of charts) {
    const svg = drawPicture(chart);
    writeFileSync(at(`pictures/${chart.name}.svg`), svg);
    writeFileSync(at(`pictures/${chart.name}.png`), rasterize(svg));
  }
  return files;
}

/** One chart for each factor of which something was measured. */
function composeEffectCharts({ factors }: AblationResult): Chart[] {
  return factors.flatMap((factor) => effectChart(factor) ?? []);
}

/** The page. */
export function renderAblationPage(result: AblationResult): string {
  const { verdict, tables, facts } = describeAblation(result, { hasPlots: false });
  const alarms = describeAlarms(result);
  const state = alarms.length > 0 ? 'bad' : 'good';
  const [summary, ...factorTables] = tables;
  const lines = verdict.map((line) => element('li', {}, escapeText(line)));
  const box = `<p>${escapeText(verdict.at(-1)?.replace(/^overall\s+/, '') ?? '')}</p><ul>${lines.slice(0, -1).join('')}</ul>`;
  const charts = composeEffectCharts(result);
  const parts = [
    { id: 'verdict', title: 'Verdict', content: element('div', { class: `verdict ${state}` }, box) },
    { id: 'summary', title: 'All factors', content: summary === undefined ? '' : titledTable(summary) },
    ...result.factors.map(({ name }, at) => {
      const chart = charts.find((each) => each.name === `ablation-${name}`);
      const table = factorTables[at];
      const content = chart === undefined ? (table === undefined ? '' : titledTable(table)) : figure(chart);
      return { id: `factor-${name}`, title: name, content };
    }),
    { id: 'run', title: 'The runs', content: factList(facts) },
  ];
  return renderFrame({
    title: `Ablations · ${result.startedAt}`,
    heading: 'Ablations',
    origin: describeOrigin(result),
    parts,
    footer: `The same figures, and those of every run, are in ${ABLATION_FILE}.`,
  });
}
