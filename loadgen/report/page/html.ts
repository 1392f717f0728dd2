// The report of a result as one page. Decides what stands where; what is said comes from content.ts and figures/, what is
// around it from frame.ts.

import type { RunResult } from '../../outcome/result.js';
import type { Chart } from '../charts/chart.js';
import { element, escapeText } from '../charts/svg.js';
import { commandLinePieces } from '../command-line.js';
import { composeReport, hypothesisTable, openLoopTable, workerTable } from '../content.js';
import { composeCharts } from '../figures/all-charts.js';
import { POINTS_DRAWN_LIMIT } from '../figures/limits.js';
import { listKeyFigures } from '../key-figures.js';
import { PROCESS_COLUMNS, processTables } from '../process-tables.js';
import type { ReportTable } from '../report-table.js';
import { describeVerdict, judgeRun } from '../verdict.js';
import { type PagePart, renderFrame } from './frame.js';
import { checkList, factList, figure, keyFigures, titledTable } from './parts.js';

/** The whole page; `baseline` is an earlier result to compare with. */
export function renderHtml(result: RunResult, baseline: RunResult | null): string {
  const parts = composeParts(result, baseline).filter(({ content }) => content !== '');
  const verdict = describeVerdict(result);
  return renderFrame({
    title: `Client parallelism · ${result.startedAt} · ${verdict.text}`,
    heading: 'Client parallelism',
    origin: describeOrigin(result),
    parts,
    footer: 'The same figures, and all that is not drawn here, are in result.json.',
  });
}

function composeParts(result: RunResult, baseline: RunResult | null): PagePart[] {
  const charts = composeCharts(result);
  const { tables, facts } = composeReport(result, baseline);
  const openLoop = openLoopTable(result);
  const workers = workerTable(result);
  const processes = processTables(result);
  const titles = [openLoop, workers, charts.stages[0]?.table, ...processes, hypothesisTable(result)].map(
    (table) => table?.title,
  );
  const placed = new Set(titles);
  return [
    { id: 'verdict', title: 'Verdict', content: verdictPart(result) },
    { id: 'scaling', title: 'Throughput and medians', content: chartGrid(charts.scaling, 'charts pairs') },
    { id: 'latency', title: 'Latency and fast path', content: chartGrid(charts.latency, 'charts') },
    { id: 'time-lines', title: 'Where the time goes', content: chartGrid(charts.stages, 'charts') },
    { id: 'why', title: 'What holds throughput down', content: whyPart(result) },
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
    { id: 'process-figures', title: 'Processes', content: processesPart(processes) },
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

/** The guesses of the study with the figures that were held against them, then what follows. */
function whyPart(result: RunResult): string {
  const { hypotheses, next } = result;
  if (hypotheses.length === 0) return '';
  const list = (sentences: readonly string[]): string =>
    sentences.length === 0 ? '' : element('ul', {}, sentences.map((each) => `<li>${escapeText(each)}</li>`).join(''));
  const heading = next.length === 0 ? '' : '<h3>What to change next</h3>';
  return titledTable(hypothesisTable(result)) + heading + list(next);
}

function openLoopPart(table: ReportTable): string {
  const words =
    'Operations were sent at their own times, whatever had been answered. Latency counts from the intended time, so that waiting is part of it.';
  return element('p', {}, words) + titledTable(table);
}

function processesPart(tables: readonly ReportTable[]): string {
  if (tables.length === 0) return '';
  const drawn = tables.slice(0, POINTS_DRAWN_LIMIT);
  const left = tables.length - drawn.length;
  const note = left === 0 ? '' : element('p', { class: 'muted' }, `Those of ${left} more points: see result.json.`);
  return element('p', {}, PROCESS_COLUMNS) + drawn.map(titledTable).join('') + note;
}

function runPart(result: RunResult, facts: readonly [string, string][], workers: ReportTable | null): string {
  const told = facts.filter(([name]) => !['repeat', 'finding', 'next'].includes(name));
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

/** When, from what and on what it was measured. */
export function describeOrigin({
  startedAt,
  gitCommit,
  dirty,
  machine,
}: Pick<RunResult, 'startedAt' | 'gitCommit' | 'dirty' | 'machine'>): string {
  const commit = gitCommit === null ? 'commit unknown' : `commit ${gitCommit.slice(0, 10)}`;
  const changed = dirty ? ' with local changes' : '';
  return `Measured ${startedAt.replace('T', ' ').replace(/\..*/, ' UTC')}, ${commit}${changed}, ${machine.cpus} cores`;
}
