// Which faults a seed stands for: what is done to whom, when, for how long. Pure. Targets are roles, because who leads
// is known only when the time has come; when a fault really begins depends on how long the cluster took to recover.

import { Random } from '../../loadgen/worker/random.js';

/** What is done. `cut`, `partition…` and `delay` happen at the door in front of the process: to what others send to it. */
export const ACTIONS = ['kill', 'pause', 'cut', 'partition', 'partition-in', 'partition-out', 'delay'] as const;
/** To whom. */
export const TARGETS = ['leader', 'follower', 'witness', 'coordinator', 'nats'] as const;

export type FaultAction = (typeof ACTIONS)[number];
export type FaultTarget = (typeof TARGETS)[number];

/** An action and a target, as `kill-leader`. */
export interface FaultKind {
  action: FaultAction;
  target: FaultTarget;
}

/** One fault as it was drawn. */
export interface PlannedFault extends FaultKind {
  /** Seconds from the beginning of the load; it begins later if the cluster has not recovered by then. */
  atS: number;
  durationS: number;
  /** In [0, 1): which of several processes of that role. */
  choice: number;
  /** After a kill: the process comes back without what it had on disk; never where it has nothing there. */
  isWiped: boolean;
  delayMs: number;
  jitterMs: number;
  /**
   * Milliseconds by which everything reaches the other replicas late for half a second before a leader goes, and what is
   * then on its way to them is lost with it; 0 for none. Else a leader takes nothing with it that others do not have.
   */
  lostMs: number;
}

/** All kinds that there are. */
export const ALL_KINDS: readonly FaultKind[] = TARGETS.flatMap((target) =>
  ACTIONS.map((action) => ({ action, target })),
);

/** Shortest and longest, seconds. */
const DURATIONS_S: Readonly<Record<FaultAction, readonly [number, number]>> = {
  kill: [0.5, 4],
  pause: [0.5, 5],
  cut: [0.5, 3],
  partition: [0.5, 4],
  'partition-in': [0.5, 4],
  'partition-out': [0.5, 4],
  delay: [1, 5],
};
const FIRST_AT_S: readonly [number, number] = [1.5, 3];
/** From the end of a fault to the next one: most clusters have recovered by then. */
const REST_S: readonly [number, number] = [1.5, 5];
/** Without faults at the end, so that what the last one did can be seen. */
const TAIL_S = 3;
const WIPE_SHARE = 0.3;
/** Of faults that take the leader away. */
const LOSS_SHARE = 0.6;
const LOST_MS: readonly [number, number] = [20, 100];
const DELAY_MS: readonly [number, number] = [1, 30];

/** The name of a kind. */
export function nameKind({ action, target }: FaultKind): string {
  return `${action}-${target}`;
}

/**
 * Kinds that a list of names means: a whole name, an action or a target each.
 * @throws RangeError naming what is none of them.
 */
export function parseKinds(text: string): FaultKind[] {
  const wanted = text.split(',').flatMap((word) => {
    const found = ALL_KINDS.filter((kind) => [nameKind(kind), kind.action, kind.target].includes(word));
    if (found.length > 0) return found;
    const known = `${ACTIONS.join(', ')}, ${TARGETS.join(', ')} or both with a dash, as kill-leader`;
    throw new RangeError(`'${word}' is none of ${known}`);
  });
  return [...new Set(wanted)];
}

/** The faults of a seed. Every kind comes once before any comes again. */
export function drawSchedule(options: {
  seed: number;
  durationS: number;
  kinds: readonly FaultKind[];
  /** Where nodes keep their state. */
  durability: 'memory' | 'disk';
  /** Most faults; default as many as fit. */
  count?: number;
}): PlannedFault[] {
  const { seed, durationS, kinds, durability, count = Number.POSITIVE_INFINITY } = options;
  const random = new Random(seed, 0xc4a05);
  const between = ([from, to]: readonly [number, number]): number => from + random.nextDouble() * (to - from);
  const round = (value: number): number => Math.round(value * 100) / 100;
  const faults: PlannedFault[] = [];
  let left: FaultKind[] = [];
  for (let atS = between(FIRST_AT_S); kinds.length > 0 && faults.length < count; atS += between(REST_S)) {
    if (left.length === 0) left = [...kinds];
    const [kind] = left.splice(random.nextBelow(left.length), 1);
    if (kind === undefined) break;
    const lastsS = between(DURATIONS_S[kind.action]);
    const isDelay = kind.action === 'delay';
    const [delayMs, jitterMs] = [between(DELAY_MS), between(DELAY_MS)].map((ms) => (isDelay ? round(ms) : 0));
    const hasStore = kind.target === 'nats' || (durability === 'disk' && kind.target !== 'coordinator');
    const isWiped = random.nextDouble() < WIPE_SHARE && kind.action === 'kill' && hasStore;
    const takesLeader = kind.target === 'leader' && (kind.action === 'kill' || kind.action === 'pause');
    const lostMs = random.nextDouble() < LOSS_SHARE && takesLeader ? round(between(LOST_MS)) : 0;
    const choice = round(random.nextDouble() * 0.99);
    if (atS + lastsS + TAIL_S > durationS) break;
    const drawn = { ...kind, choice, isWiped, lostMs, delayMs: delayMs ?? 0, jitterMs: jitterMs ?? 0 };
    faults.push({ ...drawn, atS: round(atS), durationS: round(lastsS) });
    atS += lastsS;
  }
  return faults;
}

/** One fault in a line, as it is planned. */
export function describePlanned(fault: PlannedFault): string {
  const { atS, durationS, isWiped, delayMs, jitterMs, lostMs } = fault;
  const details = [
    ...(isWiped ? ['disk wiped'] : []),
    ...(lostMs > 0 ? [`with ${lostMs} ms of what was on its way to the others`] : []),
    ...(delayMs > 0 ? [`${delayMs} ms and up to ${jitterMs} ms more`] : []),
  ];
  const what = `${nameKind(fault)}${details.length > 0 ? ` (${details.join(', ')})` : ''}`;
  return `at ${atS.toFixed(1).padStart(6)} s for ${durationS.toFixed(1)} s  ${what}`;
}
