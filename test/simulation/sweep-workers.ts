// A sweep in several processes, each of which sweeps a row of seeds with this same program. Their reports are summed up in
// the order of the seeds, so that the outcome is that of one process.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Census } from './census.js';
import type { SweepReport } from './sweep.js';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
/** Exit codes of a worker that did its work: nothing found, something found. */
const DONE_CODES: readonly (number | null)[] = [0, 5];

/** What a worker found, and what it said of it. */
interface WorkerReport {
  report: SweepReport;
  messages: string;
}

/** Sweeps `count` seeds from `from` on in `workers` processes; `messages` are those of the failing seeds, in order. */
export async function sweepInWorkers(from: number, count: number, workers: number): Promise<WorkerReport> {
  const share = Math.ceil(count / workers);
  const rows: Promise<WorkerReport>[] = [];
  for (let done = 0; done < count; done += share) rows.push(runWorker(from + done, Math.min(share, count - done)));
  const reports = await Promise.all(rows);
  return {
    report: sumReports(reports.map(({ report }) => report)),
    messages: reports.map(({ messages }) => messages).join(''),
  };
}

/** One report of rows of seeds that follow each other. */
export function sumReports(reports: readonly SweepReport[]): SweepReport {
  const census = new Census();
  for (const { faults, events } of reports) {
    for (const [name, times] of Object.entries({ ...faults, ...events })) census.countOther(name, times);
  }
  const total = (count: (report: SweepReport) => number): number =>
    reports.reduce((sum, report) => sum + count(report), 0);
  const seeds = total((report) => report.seeds);
  const minutes = total((report) => report.seeds / report.historiesPerMinute);
  return {
    seeds,
    operations: total(({ operations }) => operations),
    violations: total(({ violations }) => violations),
    failed: reports.flatMap(({ failed }) => failed),
    faults: census.faults(),
    events: census.events(),
    missing: census.missing(),
    historiesPerMinute: Math.round(seeds / minutes),
  };
}

async function runWorker(from: number, count: number): Promise<WorkerReport> {
  const args = [MAIN, '--from', String(from), '--seeds', String(count), '--json', '--no-shrink'];
  const worker = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let messages = '';
  worker.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  worker.stderr.setEncoding('utf8').on('data', (text: string) => {
    messages += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('close', resolve);
  });
  if (!DONE_CODES.includes(code))
    throw new Error(`the worker of seeds ${from}+${count} ended with ${code}: ${messages}`);
  return { report: JSON.parse(output) as SweepReport, messages };
}
