// A judged chaos run as text for people.

import Table from 'cli-table3';
import type { ChaosVerdict, FaultFigures } from './judge.js';

const HEAD = ['Fault', 'Of', 'At', 'Lasted', 'Recovered', 'No strong', 'No weak write', 'No weak read', 'Epochs', ''];

/** The faults in a table, then what was found. */
export function describeVerdict(verdict: ChaosVerdict): string {
  const { operations, unknown, failed, dropped, lost, duplicated, violations, faults } = verdict;
  const table = new Table({ head: HEAD, style: { head: [], border: [] } });
  for (const fault of faults) table.push(describeFault(fault));
  const verdicts = Object.entries(verdict.verdicts).map(([name, word]) => `${name.padEnd(16)} ${word}`);
  return [
    `seed ${verdict.seed}, ${verdict.durationS} s, durability ${verdict.durability}`,
    table.toString(),
    'Recovered: from the fault until the cluster was as before. No …: longest time without an answer meanwhile.',
    '',
    ...verdicts,
    '',
    `${operations} operations, ${unknown} of unknown outcome, ${failed} failed, ${dropped} not sent`,
    `${lost} lost, ${duplicated} duplicated, ${violations} violations`,
    ...verdict.details.map((detail) => `  ${detail}`),
    '',
  ].join('\n');
}

function describeFault(fault: FaultFigures): string[] {
  const { kind, target, atS, durationS, recoveredS, epochs, note } = fault;
  if (target === '') return [kind, '', time(atS), '', '', '', '', '', '', `left out: ${note}`];
  return [
    ...[kind, target, time(atS), time(durationS), recoveredS === null ? 'no' : time(recoveredS)],
    ...[fault.unavailableStrongS, fault.unavailableWeakS, fault.unavailableWeakReadS].map(time),
    ...[String(epochs), note.split('\n')[0] ?? ''],
  ];
}

function time(seconds: number): string {
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}
