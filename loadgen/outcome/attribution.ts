// Where the operations of a point spent their time: the time lines of all processes, put together for each class. What
// no stage covers is said as well, because an explanation that leaves out half of the time is none. Pure.

import { STAGES, type StageName } from '../../attribution/stages.js';
import { decodeTimeLines, TIME_LINE_COLUMNS, TIME_LINE_ROLES } from '../worker/time-lines.js';

/** One stage of the operations of a class. */
export interface StageSummary {
  name: StageName | 'unattributed';
  /** Operations in which it took any time. */
  count: number;
  p50Us: number;
  p99Us: number;
  /** Its share of the time of the operations around the median. */
  shareOfMedian: number;
  /** And of the slowest hundredth. */
  shareOfSlowest: number;
  /** The time that these shares are, on average. */
  medianUs: number;
  slowestUs: number;
}

/** What the time lines of one class say. */
export interface ClassAttribution {
  /** Operations with a time line. */
  operations: number;
  /** How often the last answer that was needed came from a witness rather than a replica. */
  witnessShare: number;
  /** Time under a stage over the time that callers saw, of the operations from p45 to p55. */
  coverageAtMedian: number;
  /** In the order in which they pass; what is under none comes last. */
  stages: StageSummary[];
}

const LATENCY = 3;
const FIRST_STAGE = 4;
const ROLE = 1;
const WITNESS = TIME_LINE_ROLES.indexOf('witness');

/** Null if there are no time lines. */
export function attribute(encoded: readonly Uint8Array[]): ClassAttribution | null {
  const rows = encoded.flatMap(decodeTimeLines).sort((a, b) => cell(a, LATENCY) - cell(b, LATENCY));
  if (rows.length === 0) return null;
  const median = part(rows, 0.45, 0.55);
  const slowest = part(rows, 0.99, 1);
  const medianUs = sum(median, LATENCY);
  const slowestUs = sum(slowest, LATENCY);
  const stages = STAGES.map((name, stage): StageSummary => {
    const column = FIRST_STAGE + stage;
    return {
      ...{ name, ...distribution(rows.map((row) => cell(row, column))) },
      ...{ shareOfMedian: sum(median, column) / medianUs, shareOfSlowest: sum(slowest, column) / slowestUs },
      ...{ medianUs: sum(median, column) / median.length, slowestUs: sum(slowest, column) / slowest.length },
    };
  });
  const coverage = (of: 'shareOfMedian' | 'shareOfSlowest'): number =>
    stages.reduce((share, stage) => share + stage[of], 0);
  const coverageAtMedian = coverage('shareOfMedian');
  const rest = rows.map((row) => Math.max(0, cell(row, LATENCY) - coveredUs(row)));
  const shareOfMedian = Math.max(0, 1 - coverageAtMedian);
  const shareOfSlowest = Math.max(0, 1 - coverage('shareOfSlowest'));
  stages.push({
    ...{ name: 'unattributed', ...distribution(rest), shareOfMedian, shareOfSlowest },
    medianUs: (shareOfMedian * medianUs) / median.length,
    slowestUs: (shareOfSlowest * slowestUs) / slowest.length,
  });
  const byWitness = rows.filter((row) => row[ROLE] === WITNESS).length;
  return { operations: rows.length, witnessShare: byWitness / rows.length, coverageAtMedian, stages };
}

function coveredUs(row: Float32Array): number {
  let us = 0;
  for (let column = FIRST_STAGE; column < TIME_LINE_COLUMNS; column++) us += cell(row, column);
  return us;
}

function distribution(values: number[]): Pick<StageSummary, 'count' | 'p50Us' | 'p99Us'> {
  const sorted = values.sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { count: sorted.filter((us) => us > 0).length, p50Us: at(0.5), p99Us: at(0.99) };
}

/** At least one row. */
function part(rows: readonly Float32Array[], from: number, to: number): Float32Array[] {
  const first = Math.min(Math.floor(from * rows.length), rows.length - 1);
  return rows.slice(first, Math.max(first + 1, Math.ceil(to * rows.length)));
}

function sum(rows: readonly Float32Array[], column: number): number {
  return rows.reduce((total, row) => total + cell(row, column), 0);
}

function cell(row: Float32Array, column: number): number {
  return row[column] ?? 0;
}
