// The report as one page that needs nothing but itself: no network, no script. Decides what stands where; what is said
// comes from content.ts and figures/, how it looks from style.ts.

import type { RunResult } from '../../outcome/result.js';
import type { Chart } from '../charts/chart.js';
import { element, escapeText } from '../charts/svg.js';
import { commandLinePieces } from '../command-line.js';
import { composeReport, openLoopTable, workerTable } from '../content.js';
import { composeCharts } from '../figures/all-charts.js';
import { POINTS_DRAWN_LIMIT } from '../figures/limits.js';
import { listKeyFigures } from '../key-figures.js';
import type { ReportTable } from '../report-table.js';
import { describeVerdict, judgeRun } from '../verdict.js';
import { checkList, factList, figure, keyFigures, section, titledTable } from './parts.js';
import { pageStyle } from './style.js';

/** A part of the page with its entry in the table of contents. */
interface PagePart {
  id: string;
  title: string;
  content: string;
}

/** Should a text of a result ever escape its escaping, there is still nothing that it could load or run. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The whole page; `baseline` is an earlier result to compare with. */
export function renderHtml(result: RunResult, baseline: RunResult | null): string {
  const parts = composeParts(result, baseline).filter(({ content }) => content !== '');
  const verdict = describeVerdict(result);
  const title = `Client parallelism · ${result.startedAt} · ${verdict.text}`;
  const links = parts.map(({ id, title }) => `<li><a href="#${id}">${escapeText(title)}</a></li>`).join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escapeText(title)}</title>
<style>${pageStyle()}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the verdict</a>
<header><h1>Client parallelism</h1><p class="muted">${escapeText(describeOrigin(result))}</p></header>
<nav aria-label="Parts of this report"><ul>${links}</ul></nav>
<main id="main" tabindex="-1">
${parts.map(({ id, title, content }) => section(id, title, content)).join('\n')}
</main>
<footer>The same figures, and all that is not drawn here, are in result.json.</footer>
</body>
</html>
`;
}

function composeParts(result: RunResult, baseline: RunResult | null): PagePart[] {
  const charts = composeCharts(result);
  const { tables, facts } = composeReport(result, baseline);
  const openLoop = openLoopTable(result);
  const workers = workerTable(result);
  const placed = new Set([openLoop?.title, workers?.title, charts.stages[0]?.table.title]);
  return [
    { id: 'verdict', title: 'Verdict', content: verdictPart(result) },
    { id: 'scaling', title: 'Throughput and medians', content: chartGrid(charts.scaling, 'charts pairs') },
    { id: 'latency', title: 'Latency and fast path', content: chartGrid(charts.latency, 'charts') },
    { id: 'time-lines', title: 'Where the time goes', content: chartGrid(charts.stages, 'charts') },
    { id: 'time', title: 'Over time', content: timePart(result, charts.timelines) },
    { id: 'open-loop', title: 'Open loop', content: openLoop === null ? '' : openLoopPart(openLoop) },
    {
      id: 'tables',
      title: 'Tables',
      content: tables
        .filter((table) => !placed.has(table.title))
        .map(titledTable)
        .join(''),
    },
    { id: 'cpu', title: 'Processor time', content: chartGrid(charts.processes, 'charts') },
    { id: 'run', title: 'The run', content: runPart(result, facts, workers) },
    { id: 'traces', title: 'Traces', content: tracesPart(result) },
  ];
}

function verdictPart(result: RunResult): string {
  const { state, text } = describeVerdict(result);
  const box = `<p>${escapeText(text)}</p>${checkList(judgeRun(result))}`;
  return element('div', { class: `verdict ${state}` }, box) + keyFigures(listKeyFigures(result));
}

function chartGrid(charts: readonly Chart[], className: string): string {
  return charts.length === 0 ? '' : element('div', { class: className }, charts.map(figure).join('\n'));
}

function timePart({ points }: RunResult, charts: readonly Chart[]): string {
  const note =
    points.length <= POINTS_DRAWN_LIMIT
      ? ''
      : `<p class="muted">Of ${points.length} points the first ${POINTS_DRAWN_LIMIT} are drawn.</p>`;
  return charts.length === 0 ? '' : note + chartGrid(charts, 'charts');
}

function openLoopPart(table: ReportTable): string {
  const words =
    'Operations were sent at their own times, whatever had been answered. Latency counts from the intended time, so that waiting is part of it.';
  return element('p', {}, words) + titledTable(table);
}

function runPart(result: RunResult, facts: readonly [string, string][], workers: ReportTable | null): string {
  const told = facts.filter(([name]) => name !== 'repeat');
  const pieces = commandLinePieces(result.plan).map((piece) => `<span>${escapeText(piece)}</span>`);
  const command = `<pre><code>${pieces.join(' ')}</code></pre>`;
  return `${factList(told)}<h3>The same again</h3>${command}${workers === null ? '' : titledTable(workers)}`;
}

function tracesPart({ traces }: RunResult): string {
  if (traces === null) return '';
  const file = `<code>${escapeText(traces.file)}</code>`;
  const lost = traces.dropped === 0 ? 'None was lost.' : `${traces.dropped} spans were lost.`;
  return (
    `<p>${traces.traces} traces of ${traces.spans} spans are in ${file}, beside this page. ${lost}</p>` +
    '<p>To look at them: open the user interface of Jaeger, choose “Upload” on its search page, and give it that file.</p>'
  );
}

function describeOrigin({ startedAt, gitCommit, dirty, machine }: RunResult): string {
  const commit = gitCommit === null ? 'commit unknown' : `commit ${gitCommit.slice(0, 10)}`;
  const changed = dirty ? ' with local changes' : '';
  return `Measured ${startedAt.replace('T', ' ').replace(/\..*/, ' UTC')}, ${commit}${changed}, ${machine.cpus} cores`;
}
