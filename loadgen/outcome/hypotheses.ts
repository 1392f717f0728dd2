// Why throughput is what it is: the guesses of the original study, each held against the figures of a run by a threshold
// that stands beside it. The point with the most streams is judged, since that is where the study lost throughput. Pure;
// a figure that is not there makes a guess not measurable, never refuted.

import { formatChange, formatShare, formatStreams } from '../report/format.js';
import { CLASSES, groupUs, STAGE_GROUPS, totalOf } from './findings.js';
import type { PointResult } from './point.js';
import type { Probes } from './probes.js';

/** What the figures say to a guess. */
export type Verdict = 'supported' | 'refuted' | 'not measurable here';

/** One guess and what became of it. */
export interface Hypothesis {
  name: string;
  /** What is supposed to hold throughput down, as a sentence. */
  claim: string;
  verdict: Verdict;
  /** The figures, as words. */
  evidence: string;
  /** What the figures have to reach for the guess to be supported. */
  threshold: string;
}

/** A guess as it is judged: null where the figures for it are missing. */
interface Judgement {
  isSupported: boolean | null;
  evidence: string;
}

/** From here on a share of something is too much of it. */
const LIMITS = {
  /** Of strong operations, that met another one on their key; and of the median operation's time, in the node's core. */
  conflicts: 0.1,
  step: 0.1,
  /** Of the time in which threads could have run, that they waited for a core; and of an event loop's time, that it is busy. */
  waiting: 0.25,
  busy: 0.9,
  /** Of what the loopback carries; and of the median operation's time, on its way. */
  bytes: 0.5,
  transit: 0.5,
  /** By how much more shards change throughput, both times; and of a process's time, in garbage collection. */
  shards: 0.1,
  garbage: 0.1,
  /** Of the commands that the leader admits, that are under way. */
  occupancy: 0.9,
  /** By how much the last third of the windows differs from the first. */
  drift: 0.1,
} as const;

/** Parts of a window that its thirds are made of, at least. */
const PARTS_LEAST = 6;

const percent = (limit: number): string => formatShare(limit, 0);

/** Judges all guesses; without points there is nothing to judge. */
export function judgeHypotheses(points: readonly PointResult[], probes: Probes | null): Hypothesis[] {
  const point = mostStreams(points);
  if (point === undefined) return [];
  return [
    {
      ...{
        name: 'contention',
        claim: 'Operations get in each other’s way: they wait for the same keys and structures.',
      },
      ...toVerdict(judgeContention(point)),
      threshold: `${percent(LIMITS.conflicts)} of strong operations in conflict, or ${percent(LIMITS.step)} of the median operation in the core’s steps`,
    },
    {
      ...{ name: 'scheduling', claim: 'Threads that could run wait for a core, and event loops are busy with others.' },
      ...toVerdict(judgeScheduling(point)),
      threshold: `${percent(LIMITS.waiting)} of runnable time spent waiting for a core, or a node’s event loop ${percent(LIMITS.busy)} busy`,
    },
    {
      ...{ name: 'network', claim: 'The network carries no more, or takes most of the time.' },
      ...toVerdict(judgeNetwork(point, probes)),
      threshold: `${percent(LIMITS.bytes)} of the bytes that loopback carries, or ${percent(LIMITS.transit)} of the median operation on its way while cores are free`,
    },
    {
      ...{
        name: 'caches',
        claim: 'Maps of many shards, and what is rehashed and collected in them, spoil the caches.',
      },
      ...toVerdict(judgeCaches(point, probes)),
      threshold: `32,768 shards ${percent(LIMITS.shards)} slower or faster than 512 in both pairs, or ${percent(LIMITS.garbage)} of a process’s time in garbage collection`,
    },
    {
      ...{ name: 'descriptor pool', claim: 'The leader admits too few commands at a time.' },
      ...toVerdict(judgeDescriptors(point)),
      threshold: `${percent(LIMITS.occupancy)} of the limit under way at some look, or the leader holding clients back`,
    },
    {
      ...{ name: 'run length', claim: 'The windows are so short that one measures the beginning.' },
      ...toVerdict(judgeRunLength(point)),
      threshold: `last third of the windows ${percent(LIMITS.drift)} off the first`,
    },
  ];
}

/** The point that is judged. */
export function mostStreams(points: readonly PointResult[]): PointResult | undefined {
  return points.reduce<PointResult | undefined>(
    (most, point) => (most === undefined || point.streams > most.streams ? point : most),
    undefined,
  );
}

function toVerdict({ isSupported, evidence }: Judgement): Pick<Hypothesis, 'verdict' | 'evidence'> {
  if (isSupported === null) return { verdict: 'not measurable here', evidence };
  return { verdict: isSupported ? 'supported' : 'refuted', evidence };
}

function judgeContention(point: PointResult): Judgement {
  const { leaderConflict = 0, witnessConflict = 0, readMismatch = 0 } = point.slowReasons;
  const strong = point.strong.count;
  const step = medianShareOf(point, ['node step']);
  if (strong === 0 && step === null) return { isSupported: null, evidence: 'neither strong operations nor time lines' };
  const conflicts = strong === 0 ? 0 : (leaderConflict + witnessConflict + readMismatch) / strong;
  const parts = [`${formatShare(conflicts, 1)} of strong operations met another one on their key`];
  if (step !== null) parts.push(`${formatShare(step, 1)} of the median operation’s time in the core’s steps`);
  const queue = Math.max(0, ...point.diagnostics.map(({ peaks }) => peaks.queueLengthMax ?? 0));
  parts.push(`at most ${queue} inputs waiting for a core to step`);
  return { isSupported: conflicts >= LIMITS.conflicts || (step ?? 0) >= LIMITS.step, evidence: parts.join('; ') };
}

function judgeScheduling(point: PointResult): Judgement {
  const waiting = waitingShareOf(point);
  const loops = point.diagnostics.filter(({ role }) => role !== 'client');
  const busiest = loops.reduce<(typeof loops)[number] | undefined>(
    (most, each) => (most === undefined || each.eventLoop.utilization > most.eventLoop.utilization ? each : most),
    undefined,
  );
  if (waiting === null && busiest === undefined) return { isSupported: null, evidence: 'no process told of itself' };
  const parts: string[] = [];
  if (waiting !== null) parts.push(`threads that could run waited ${formatShare(waiting, 0)} of that time for a core`);
  const { machineLoad } = point;
  if (machineLoad !== null) {
    parts.push(`${machineLoad.runnableMean.toFixed(1)} runnable threads on ${machineLoad.cores} cores`);
  }
  if (busiest !== undefined) {
    parts.push(`busiest event loop ${busiest.nodeId}, ${formatShare(busiest.eventLoop.utilization, 0)}`);
  }
  const isBusy = (busiest?.eventLoop.utilization ?? 0) >= LIMITS.busy;
  return { isSupported: (waiting ?? 0) >= LIMITS.waiting || isBusy, evidence: parts.join('; ') };
}

/** Of the time in which the event loops' threads could run, the share in which they had no core. */
function waitingShareOf({ diagnostics }: PointResult): number | null {
  const told = diagnostics.flatMap(({ processor: { runDelayMs, userMs, systemMs } }) =>
    runDelayMs === null ? [] : [{ waitedMs: runDelayMs, ranMs: userMs + systemMs }],
  );
  if (told.length === 0) return null;
  const waitedMs = told.reduce((sum, each) => sum + each.waitedMs, 0);
  const ranMs = told.reduce((sum, each) => sum + each.ranMs, 0);
  return waitedMs / Math.max(1, waitedMs + ranMs);
}

function judgeNetwork(point: PointResult, probes: Probes | null): Judgement {
  const transit = medianShareOf(point, ['request transit', 'answer transit']);
  const parts: string[] = [];
  let ofCeiling: number | null = null;
  if (probes !== null && probes.loopback !== null) {
    const { mibPerSecond, framesPerSecond } = probes.loopback;
    const sent = sentPerSecond(point);
    ofCeiling = sent.bytes / (mibPerSecond * 2 ** 20);
    parts.push(
      `${(sent.bytes / 2 ** 20).toFixed(1)} MiB/s of the ${mibPerSecond.toFixed(0)} that loopback carries`,
      `${Math.round(sent.frames).toLocaleString('en-US')} frames/s, where two processes that do nothing else exchange ${Math.round(framesPerSecond).toLocaleString('en-US')}`,
    );
  }
  if (transit !== null) parts.push(`${formatShare(transit, 0)} of the median operation’s time on its way`);
  // A frame that has arrived and whose reader has no core looks the same as one that is still on its way.
  const isWaitingForCores = judgeScheduling(point).isSupported === true;
  const isFar = transit !== null && transit >= LIMITS.transit;
  if (ofCeiling === null) parts.push('what loopback carries was not measured (--probes)');
  if (isFar && isWaitingForCores) parts.push('which may as well be readers that wait for a core');
  const evidence = parts.join('; ');
  if ((isFar && !isWaitingForCores) || (ofCeiling ?? 0) >= LIMITS.bytes) return { isSupported: true, evidence };
  return { isSupported: ofCeiling === null || isFar ? null : false, evidence };
}

/** Frames and bytes that all processes together sent. */
function sentPerSecond({ diagnostics }: PointResult): { bytes: number; frames: number } {
  return diagnostics.reduce(
    (sum, { traffic, elapsedMs }) => ({
      bytes: sum.bytes + (traffic.bytesOut / elapsedMs) * 1000,
      frames: sum.frames + (traffic.framesOut / elapsedMs) * 1000,
    }),
    { bytes: 0, frames: 0 },
  );
}

function judgeCaches(point: PointResult, probes: Probes | null): Judgement {
  const collecting = point.diagnostics.map(({ nodeId, elapsedMs, garbage }) => ({
    nodeId,
    share: Object.values(garbage).reduce((sum, { totalMs }) => sum + totalMs, 0) / elapsedMs,
  }));
  const most = collecting.reduce((a, b) => (b.share > a.share ? b : a), { nodeId: '', share: 0 });
  const parts =
    collecting.length === 0 ? [] : [`${most.nodeId} collects garbage ${formatShare(most.share, 1)} of the time`];
  const changes = probes?.shards ?? [];
  if (changes.length > 0) {
    parts.push(`32,768 shards against 512: ${changes.map((change) => formatChange(change)).join(', ')} of throughput`);
  } else parts.push('other numbers of shards were not tried (--probes)');
  parts.push('no hardware counters were read');
  const isSlower = changes.length > 0 && changes.every((change) => change <= -LIMITS.shards);
  const isFaster = changes.length > 0 && changes.every((change) => change >= LIMITS.shards);
  if (most.share >= LIMITS.garbage || isSlower || isFaster) return { isSupported: true, evidence: parts.join('; ') };
  return { isSupported: changes.length === 0 ? null : false, evidence: parts.join('; ') };
}

function judgeDescriptors(point: PointResult): Judgement {
  const leaders = point.diagnostics.filter(
    ({ role, gauges, counters }) =>
      role === 'replica' && gauges.descriptorLimit !== undefined && (counters.proposals ?? 0) > 0,
  );
  if (leaders.length === 0) return { isSupported: null, evidence: 'no leader told of itself' };
  const occupancies = leaders.map(({ gauges }) => ({
    most: gauges.uncommitted?.max ?? 0,
    mean: gauges.uncommitted?.mean ?? 0,
    limit: gauges.descriptorLimit?.now ?? 1,
    holding: gauges.isSaturated?.mean ?? 0,
  }));
  const fullest = occupancies.reduce((a, b) => (b.most / b.limit > a.most / a.limit ? b : a));
  const { most, mean, limit } = fullest;
  const holding = Math.max(...occupancies.map((each) => each.holding));
  return {
    isSupported: most / limit >= LIMITS.occupancy || holding > 0,
    evidence: `at most ${most} of ${limit} commands under way, ${mean.toFixed(0)} on average; clients held back at ${formatShare(holding, 0)} of all looks`,
  };
}

function judgeRunLength(point: PointResult): Judgement {
  const thirds = point.iterations.flatMap(({ timeline: { opsPerSecond } }) => {
    if (opsPerSecond.length < PARTS_LEAST) return [];
    const third = Math.floor(opsPerSecond.length / 3);
    return [{ first: meanOf(opsPerSecond.slice(0, third)), last: meanOf(opsPerSecond.slice(-third)) }];
  });
  const first = meanOf(thirds.map((each) => each.first));
  if (thirds.length === 0 || first === 0) return { isSupported: null, evidence: 'the windows have too few parts' };
  const drift = meanOf(thirds.map((each) => each.last)) / first - 1;
  const change = formatChange(drift);
  return {
    isSupported: Math.abs(drift) >= LIMITS.drift,
    evidence: `throughput of the last third of the windows against the first: ${change}, at ${formatStreams(point.streams)}`,
  };
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Share of the time of operations around the median, all classes by how often they were seen; null without time lines. */
function medianShareOf(point: PointResult, stages: readonly string[]): number | null {
  let us = 0;
  let allUs = 0;
  for (const name of CLASSES) {
    const weight = point.attributed[name];
    allUs += weight * totalOf(point, name, 'medianUs');
    for (const stage of point.stages[name]) if (stages.includes(stage.name)) us += weight * stage.medianUs;
  }
  return allUs === 0 ? null : us / allUs;
}

/** What to change next, by the same figures: where the most is to be had, and how much at best. */
export function adviseNext(points: readonly PointResult[]): string[] {
  const point = mostStreams(points);
  if (point === undefined) return [];
  const total = point.diagnostics.reduce((sum, { processor }) => sum + processor.share, 0);
  const cores = point.machineLoad?.cores ?? 0;
  // Other work on the machine takes cores as well, which shows in waiting only.
  const areBusy = total >= LIMITS.busy * cores || (waitingShareOf(point) ?? 0) >= LIMITS.waiting;
  if (cores > 0 && total > 0 && areBusy) {
    const byRole = new Map<string, number>();
    for (const { role, processor } of point.diagnostics) byRole.set(role, (byRole.get(role) ?? 0) + processor.share);
    const [role = '', share = 0] = [...byRole].sort((a, b) => b[1] - a[1])[0] ?? [];
    const ofAll = share / total;
    return [
      `All ${cores} cores are busy, so processor time per operation is what counts: ${role} processes take ${formatShare(ofAll, 0)} of it. ` +
        `A tenth off that would be worth at most ${formatShare(1 / (1 - ofAll / 10) - 1, 1)} of throughput; more cores, or nodes on machines of their own, more than that.`,
    ];
  }
  const groups = STAGE_GROUPS.map((group, at) => ({
    name: group.name,
    us: CLASSES.reduce((sum, name) => sum + point.attributed[name] * groupUs(point, name, at, 'medianUs'), 0),
  }));
  const allUs = groups.reduce((sum, { us }) => sum + us, 0);
  const most = groups.reduce((a, b) => (b.us > a.us ? b : a));
  if (allUs === 0) return [];
  return [
    `Cores are free, so time is what counts: ${formatShare(most.us / allUs, 0)} of the median operation’s is ${most.name}. ` +
      `Half of that away would be worth at most ${formatShare(1 / (1 - most.us / allUs / 2) - 1, 0)} of throughput to clients that keep a fixed number in flight.`,
  ];
}
