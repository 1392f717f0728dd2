// Writes everything that is made from a result: the page, the Markdown and the pictures. Measures nothing and knows no
// contents; a report can be written again from a saved result at any time.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { RunResult } from '../outcome/result.js';
import { composeReport } from './content.js';
import { composeCharts, isChartName } from './figures/all-charts.js';
import { renderMarkdown } from './markdown.js';
import { renderHtml } from './page/html.js';
import { drawPicture, rasterize } from './pictures.js';

/** Paths of what was written. */
export interface ReportFiles {
  markdown: string;
  html: string;
  pictures: string[];
}

/** Where a report goes and what it is held against. */
export interface ReportPlan {
  /** An earlier result to compare with; null for none. */
  baseline: RunResult | null;
  /** The directory; made if it is not there. */
  out: string;
}

/** Writes report.md, report.html and pictures/ below `out`. Pictures of an earlier report there, and no others, are removed. */
export async function writeReport(result: RunResult, { baseline, out }: ReportPlan): Promise<ReportFiles> {
  const directory = path.join(out, 'pictures');
  mkdirSync(directory, { recursive: true });
  for (const file of readdirSync(directory)) {
    const { name, ext } = path.parse(file);
    if ((ext === '.svg' || ext === '.png') && isChartName(name)) rmSync(path.join(directory, file));
  }
  const files = { markdown: path.join(out, 'report.md'), html: path.join(out, 'report.html') };
  writeFileSync(files.markdown, renderMarkdown(composeReport(result, baseline)));
  writeFileSync(files.html, renderHtml(result, baseline));
  const pictures = Object.values(composeCharts(result))
    .flat()
    .flatMap((chart) => {
      if (!isChartName(chart.name)) throw new RangeError(`no name for a chart: ${JSON.stringify(chart.name)}`);
      const svg = drawPicture(chart);
      const place = path.join(directory, chart.name);
      writeFileSync(`${place}.svg`, svg);
      writeFileSync(`${place}.png`, rasterize(svg));
      return [`${place}.svg`, `${place}.png`];
    });
  return { ...files, pictures };
}
