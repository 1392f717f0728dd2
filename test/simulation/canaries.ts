// Cores broken on purpose, one rule at a time. If the judges do not notice, the simulator is blind: a clean sweep would
// prove nothing. Each canary says which rule of docs/PROTOCOL.md it breaks and under which circumstances that shows.

import type { CoordinatorRules } from '../../protocol/coordinator/rules.js';
import { coordinatorRules } from '../../protocol/coordinator/rules.js';
import type { WitnessOutput } from '../../protocol/core.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import type { ReplicaRules } from '../../protocol/replica/rules.js';
import { replicaRules } from '../../protocol/replica/rules.js';
import type { SessionRules } from '../../protocol/session/rules.js';
import { sessionRules } from '../../protocol/session/rules.js';
import type { WitnessRules } from '../../protocol/witness/rules.js';
import { witnessRules } from '../../protocol/witness/rules.js';
import { CANARY_SEEDS } from './canary-seeds.js';
import { NO_FAULTS, type PlanOverrides } from './plan.js';
import type { ReplacedRules } from './simulation.js';
import { judgeSeed } from './sweep.js';

/** One broken rule. */
export interface Canary {
  name: string;
  rules: ReplacedRules;
  /** Circumstances under which the broken rule shows soon. */
  overrides: PlanOverrides;
}

/** What became of a canary. */
export interface CanaryReport {
  name: string;
  caught: boolean;
  /** The recorded seed if it still shows it, else the first one that does; 0 if none did. */
  seed: number;
  /** Histories that were judged. */
  histories: number;
  /** Whether the recorded seed showed it. */
  isRecorded: boolean;
  /** What was found wrong. */
  property: string;
}

/** Most fresh histories spent on one canary. */
const HISTORIES_LIMIT = 200;

function replica(name: string, broken: Partial<ReplicaRules>, overrides: PlanOverrides = {}): Canary {
  return { name, rules: { replica: { ...replicaRules, ...broken } }, overrides };
}

function witness(name: string, broken: Partial<WitnessRules>, overrides: PlanOverrides = {}): Canary {
  return { name, rules: { witness: { ...witnessRules, ...broken } }, overrides };
}

function session(name: string, broken: Partial<SessionRules>, overrides: PlanOverrides = {}): Canary {
  return { name, rules: { session: { ...sessionRules, ...broken } }, overrides };
}

function coordinator(name: string, broken: Partial<CoordinatorRules>, overrides: PlanOverrides = {}): Canary {
  return { name, rules: { coordinator: { ...coordinatorRules, ...broken } }, overrides };
}

/** Answers of which `isEarly` holds do not wait for the disk. */
function answersEarly(isEarly: (answer: WitnessOutput) => boolean): Partial<WitnessRules> {
  return { mayLeave: (answer, isKept) => witnessRules.mayLeave(answer, isKept) || isEarly(answer) };
}

/** Nothing that a canary does not ask for: what else goes wrong only hides what its broken rule does. */
const CALM: PlanOverrides = {
  ...{ durability: 'memory', witnessCrashes: 0, witnessCrashAtStrike: 0, replicaCrashes: 0, powerLosses: 0 },
  ...{ diskObstructions: 0, spareWitnesses: 0, leaderTransfers: 0, sessionCalls: 0, recordRollbacks: 0 },
  ...{
    streamGraceUs: 0,
    witnessRestarts: 0,
    witnessLossAtStart: 0,
    rebindEveryUs: 0,
    spares: 0,
    replicaRestarts: 0,
    isolations: 0,
    siege: 0,
  },
  ...{ replicaCrashAtStrike: 0, sessionChurn: 0, silenceEveryUs: 0, clockOffsetUs: 0, clockDrift: 0 },
  ...{ sessionLeaseUs: 60_000_000, relayAfterUs: 30_000, logEntriesLimit: 262_144 },
};

/** Leaders fall all the time, and clients with them, so that what only speculation and the witnesses hold matters. */
const TURBULENT: PlanOverrides = {
  ...CALM,
  ...{ replicas: 3, witnesses: 3, fastQuorum: 3, clients: 8, sessionsPerClient: 1, depth: 3, keys: 3, strong: 0.6 },
  ...{
    viewChanges: 12,
    leaderLoss: 0,
    cutOff: 1,
    strikesTwice: 0,
    clientLossAtStrike: 0.4,
    clientLosses: 0,
    announceUs: 3000,
  },
  ...{ thinkUs: 500, abandon: 0, isTight: false, turnUs: 10, latencyUs: 100, latencySpreadUs: 300 },
  faults: { ...NO_FAULTS, drop: 0.06, holdEveryUs: 1000, holdUs: 15_000, tail: 0.2, tailUs: 2000 },
};

/** The same with much contention, so that records are rejected and results depend on order. */
const CONTENDED: PlanOverrides = {
  ...TURBULENT,
  ...{ keys: 2, depth: 5, strong: 0.8, thinkUs: 200 },
  mix: { put: 40, get: 25, delete: 0, compareAndSet: 35, batch: 0, scan: 0 },
  faults: { ...NO_FAULTS, drop: 0.02, tail: 0.2, tailUs: 1000, reorders: true },
};

/** The same with long rows of writes of which some get lost. */
const PIPELINED: PlanOverrides = {
  ...TURBULENT,
  ...{ keys: 6, depth: 6, strong: 0.5 },
  mix: { put: 60, get: 40, delete: 0, compareAndSet: 0, batch: 0, scan: 0 },
  faults: { ...NO_FAULTS, drop: 0.1 },
};

/** A deposed leader and its clients go on undisturbed for a while, and much is scanned. */
const DIVIDED: PlanOverrides = {
  ...TURBULENT,
  ...{ announceUs: 60_000, keys: 1, depth: 1, strong: 1, clientLossAtStrike: 0 },
  mix: { put: 15, get: 0, delete: 0, compareAndSet: 0, batch: 0, scan: 85 },
  faults: NO_FAULTS,
};

/** Weak operations everywhere, from clients that move between replicas of which some lag. */
const ROAMING: PlanOverrides = {
  ...TURBULENT,
  ...{ strong: 0.15, keys: 2, viewChanges: 1, clientLossAtStrike: 0, rebindEveryUs: 2000, clients: 3 },
  mix: { put: 40, get: 60, delete: 0, compareAndSet: 0, batch: 0, scan: 0 },
  faults: { ...NO_FAULTS, holdEveryUs: 400, holdUs: 20_000 },
};

/** Many clients of which one ends at each strike; each key is written seldom, so that what is lost stays visible. */
const SPARSE: PlanOverrides = {
  ...TURBULENT,
  ...{ clients: 14, depth: 2, keys: 30, strong: 1, clientLossAtStrike: 1 },
  mix: { put: 60, get: 40, delete: 0, compareAndSet: 0, batch: 0, scan: 0 },
};

/** Every witness misses something else, and coordinators do not reach all of them. */
const APART: PlanOverrides = {
  ...SPARSE,
  ...{ witnesses: 5, fastQuorum: 4 },
  faults: {
    ...NO_FAULTS,
    ...{ drop: 0.03, tail: 0.1, tailUs: 4000, holdEveryUs: 1000, holdUs: 15_000 },
    ...{ partitionEveryUs: 4000, partitionUs: 15_000 },
  },
};

/** The next leader falls as well, before its peers have heard of it. */
const TOPPLING: PlanOverrides = {
  ...SPARSE,
  ...{ replicas: 5, leaderLoss: 0.3, strikesTwice: 1, depth: 3 },
  faults: { ...NO_FAULTS, reorders: true },
};

/** Witnesses lose their memory, coordinators crash, and the bucket is slow and forgetful. */
const FORGETFUL: PlanOverrides = {
  ...TURBULENT,
  ...{ coordinators: 2, recordFaults: true, coordinatorLoss: 0.3, witnessRestarts: 6 },
};

/** Witnesses forget all the time, while one coordinator has not heard yet what another one has. */
const FORGETTING: PlanOverrides = {
  ...{ coordinators: 2, recordFaults: true, coordinatorLoss: 0.3, spareWitnesses: 1, witnessRestarts: 12 },
  witnessLossAtStart: 0.5,
};

/** Witnesses crash soon after the leader fell and are back at once, with what a slow disk has kept. */
const FALLING_WITNESSES: PlanOverrides = {
  ...TURBULENT,
  ...{ durability: 'disk', diskUs: 10_000, witnessCrashes: 10, witnessCrashAtStrike: 1, witnessRestarts: 0 },
  ...{ witnesses: 1, fastQuorum: 1, clientLossAtStrike: 1 },
};

/** Frames overtake each other by far, the coordinators' too, while clients and a deposed leader go on. */
const OVERTAKING: PlanOverrides = {
  ...TURBULENT,
  ...{ latencyUs: 50, latencySpreadUs: 50, announceUs: 60_000, keys: 6, strong: 1, depth: 2 },
  ...{ coordinatorLoss: 0, recordFaults: false },
  faults: { ...NO_FAULTS, tail: 0.4, tailUs: 8000, reorders: true },
};

/** Followers come, go and are exchanged although they live, while leaders fall; logs are short. */
const EXCHANGING: PlanOverrides = {
  ...TURBULENT,
  durability: 'memory',
  ...{
    viewChanges: 4,
    cutOff: 0.3,
    clientLossAtStrike: 0.5,
    announceUs: 60_000,
    strong: 0.3,
    keys: 4,
    coordinators: 2,
  },
  ...{
    spares: 2,
    replicaRestarts: 6,
    isolations: 8,
    logEntriesLimit: 12,
    logKeptEntries: 2,
    thinkUs: 3000,
    siege: 0.9,
  },
  faults: { ...NO_FAULTS, drop: 0.05, holdEveryUs: 800, holdUs: 40_000, tail: 0.2, tailUs: 5000 },
};

/** Operators move the leadership about while replicas lag behind each other. */
const TRANSFERRING: PlanOverrides = {
  ...TURBULENT,
  ...{ viewChanges: 2, leaderTransfers: 12, strong: 0.3, coordinatorLoss: 0, recordFaults: false },
};

/** Takes the list as it should be in the next epoch for that of this one. */
function replaceWithinEpoch(
  { config, recovery }: Parameters<CoordinatorRules['replaceWitnesses']>[0],
  witnesses: ClusterConfig['witnesses'],
): ReturnType<CoordinatorRules['replaceWitnesses']> {
  return { config: { ...config, version: config.version + 1, witnesses }, recovery };
}

/** Replicas crash all the time and are soon back with slow disks, mostly while an epoch begins. */
const CRASHING: PlanOverrides = {
  ...TURBULENT,
  ...{ durability: 'disk', diskUs: 10_000, checkpointEntries: 5, replicaCrashAtStrike: 1, replicaCrashes: 6 },
  ...{ powerLosses: 2, diskObstructions: 2, witnessCrashes: 0, witnessCrashAtStrike: 0, clientLossAtStrike: 0.2 },
};

/** The same where most writes are weak, so that few are with the witnesses alone. */
const CRASHING_WEAK: PlanOverrides = { ...CRASHING, strong: 0.2, clientLosses: 1 };

/** The same with little loss but frames that come late and twice, the coordinators' too. */
const CRASHING_LATE: PlanOverrides = {
  ...CRASHING,
  ...{ cutOff: 0, replicaCrashes: 12, powerLosses: 0, diskUs: 4000, announceUs: 500 },
  faults: { ...NO_FAULTS, duplicate: 0.3, tail: 0.3, tailUs: 20_000, reorders: true },
};

/** Sessions come and go, and clients are silent for longer than a lease while others hold what they wrote. */
const EXPIRING: PlanOverrides = {
  ...TURBULENT,
  ...{ clients: 4, sessionsPerClient: 2, strong: 0.2, keys: 6, viewChanges: 0, clientLossAtStrike: 0, isTight: false },
  ...{ sessionLeaseUs: 40_000, sessionChurn: 0.05, silenceEveryUs: 5000, clockDrift: 0, relayAfterUs: 400_000 },
  mix: { put: 50, get: 30, delete: 0, compareAndSet: 20, batch: 0, scan: 0 },
  faults: { ...NO_FAULTS, holdEveryUs: 400, holdUs: 60_000 },
};

/** All canaries. */
export const CANARIES: readonly Canary[] = [
  replica(
    'A2: leader gives away results that rest on foreign uncommitted writes',
    { conflicts: () => false },
    TURBULENT,
  ),
  replica('C1: leader orders a write past a hole', { mayOrder: (seq, through) => seq > through }),
  replica('C1: leader answers a read before the session’s own writes', { passesBarrier: () => true }, ROAMING),
  replica('F2: leader and state execute a duplicate', { isDuplicate: () => false }),
  replica('F6: a confirmed read counts rounds that began before it', { isConfirmed: () => true }, DIVIDED),
  replica(
    'E6: weak reads ignore the token',
    { mayAnswerWeak: (read, at) => at.openSlot > 0 && at.sessionSeq >= read.cleared },
    ROAMING,
  ),
  {
    name: 'E5: nobody minds what was dropped from the write set',
    rules: {
      replica: {
        ...replicaRules,
        mayAnswerWeak: (read, at) => replicaRules.mayAnswerWeak({ ...read, cleared: 0 }, at),
      },
      session: { ...sessionRules, isAnswerTooOld: () => false },
    },
    overrides: ROAMING,
  },
  witness('B1: witness keeps conflicting records', { conflicts: () => false }, CONTENDED),
  replica(
    'D5: what is replayed is held neither against the log nor against what was executed',
    { mayReplay: () => true, isDuplicate: () => false },
    TURBULENT,
  ),
  witness('B9: witness keeps a record after a hole', { followsOn: (seq, watermark) => seq > watermark }, PIPELINED),
  witness(
    'P8: the watermark moves when a record is rejected',
    { watermarkAfterReject: (seq, watermark) => Math.max(seq, watermark) },
    CONTENDED,
  ),
  witness(
    'B5: a seal is answered, and the pool handed over, before the seal is kept',
    answersEarly(({ kind }) => kind === 'sealed' || kind === 'recovered'),
    { ...FALLING_WITNESSES, announceUs: 60_000, strong: 1, clientLossAtStrike: 0 },
  ),
  witness(
    'C6: a record is answered before it is kept',
    answersEarly((answer) => answer.kind === 'record' && answer.frame.recordReplies.length > 0),
    FALLING_WITNESSES,
  ),
  witness(
    'C6: a check shows what is not kept',
    answersEarly((answer) => answer.kind === 'record' && answer.frame.recordReplies.length === 0),
    FALLING_WITNESSES,
  ),
  session(
    'A1: the quorum is one short',
    {
      isFastWrite: (evidence, quorums) => evidence.leaderOk && evidence.accepts >= quorums.fast - 1,
    },
    TURBULENT,
  ),
  session(
    'A7: the slow path answers what was speculated',
    { isFinal: ({ committed, result }) => committed || result !== undefined },
    TURBULENT,
  ),
  session(
    'A3: a fast read counts one witness too few',
    { isFastRead: (supporting, quorums) => supporting >= quorums.fast - 1 },
    TURBULENT,
  ),
  session(
    'A3: witnesses agree among themselves without the leader',
    {
      faultOfCheck: () => null,
    },
    TURBULENT,
  ),
  session(
    'A6: a fast read does not ask whether the session’s own writes are covered',
    {
      faultOfCheck: (check, index, evidence, quorums) => {
        const fault = sessionRules.faultOfCheck(check, index, evidence, quorums);
        return fault === 'uncovered' ? null : fault;
      },
    },
    TURBULENT,
  ),
  session('E1: the write set is cleared by a local acknowledgement', { clearedByLocalAck: (seq) => seq }, PIPELINED),
  session('P4: a weak answer that was overtaken by a commit notice is taken', { isAnswerTooOld: () => false }),
  session('E6: the client sends no token', { tokenSlotToSend: () => 0 }, ROAMING),
  coordinator(
    'D1: an epoch begins with fewer replicas fenced than a majority',
    { isFenced: (fenced, quorums) => fenced >= quorums.majority - 1 },
    TURBULENT,
  ),
  coordinator(
    'D1: the shorter log is chosen',
    { isLongerLog: (one, other) => coordinatorRules.isLongerLog(other, one) },
    TURBULENT,
  ),
  {
    name: 'D1: a pool is read before its witness is sealed',
    rules: {
      coordinator: { ...coordinatorRules, mayReadPool: () => true },
      witness: { ...witnessRules, mayHandOver: () => true },
    },
    overrides: OVERTAKING,
  },
  coordinator(
    'B6: a witness that restarted counts as one that holds nothing',
    {
      judgeSealed: (sealed, member, openedEpoch) => {
        const judged = coordinatorRules.judgeSealed(sealed, member, openedEpoch);
        return judged === 'stranger' ? 'empty' : judged;
      },
    },
    { ...SPARSE, witnessRestarts: 12 },
  ),
  coordinator(
    'D2: a single sealed witness is enough although not every accept is needed',
    { isSealed: (sealed) => sealed >= 1 },
    APART,
  ),
  replica(
    'P7: a life that is to join counts before the record names it',
    { reachedAtPlace: (named, joining) => joining.reduce((most, { reached }) => Math.max(most, reached), named) },
    EXCHANGING,
  ),
  replica(
    'D10: a place counts by its former member alone until the leader hears of the other list',
    { reachedAtPlace: (named) => named },
    { ...EXCHANGING, siege: 1, isolations: 14 },
  ),
  {
    name: 'P7: a life joins before it has caught up',
    rules: {
      replica: { ...replicaRules, mayJoin: () => true },
      coordinator: { ...coordinatorRules, hasCaughtUp: () => true },
    },
    overrides: EXCHANGING,
  },
  replica(
    'P7: an answer of another life of the place is counted',
    { isOfLife: (frame, life) => frame.incarnation === life.incarnation || frame.replica === life.index },
    EXCHANGING,
  ),
  replica(
    'P7: a lost part of a snapshot is passed over',
    { isNextPart: (number, received) => number >= received },
    EXCHANGING,
  ),
  coordinator(
    'D1: the replica that is wanted leads although too few logs are as short as its own',
    { mayLead: () => true },
    TRANSFERRING,
  ),
  coordinator(
    'D8: a witness takes the place of another within an epoch',
    { replaceWitnesses: replaceWithinEpoch },
    { ...SPARSE, ...FORGETTING, witnessLossAtStart: 0 },
  ),
  coordinator(
    'D12: an epoch opens before any of the witnesses that it names has started',
    { mayOpen: () => true },
    { ...SPARSE, ...FORGETTING },
  ),
  coordinator(
    'F8: session ids are issued by what the record says, although it was put back',
    { sessionFloor: (recorded) => recorded, mayIssue: () => true },
    { coordinators: 1, sessionCalls: 30, recordRollbacks: 2 },
  ),
  replica('C6: a replica counts as one that has what its disk does not', { acknowledgedSlot: (v) => v }, CRASHING_WEAK),
  replica('C6: a fence is answered before it is kept', { mayAnswerFence: () => true }, CRASHING),
  replica('C4: a replica that was started anew leads the same epoch again', { mayLead: () => true }, CRASHING_LATE),
  { name: 'C5: the state is kept before the sessions are', rules: { tearsCheckpoints: true }, overrides: CRASHING },
  replica('F5: sessions end before anybody was asked what is left of them', { mayEnd: () => true }, EXPIRING),
  replica('F5: the record of a session goes and its id is not remembered', { isEnded: () => false }, EXPIRING),
  replica(
    'F3: results are forgotten before the client has acknowledged them',
    { forgetsThrough: () => Number.POSITIVE_INFINITY },
    EXPIRING,
  ),
  replica('D6: the epoch opens before what was recovered is on a majority', { mayReportLed: () => true }, TOPPLING),
  {
    name: 'D4: what comes after a hole is kept, merged and replayed',
    rules: {
      witness: { ...witnessRules, followsOn: (seq, watermark) => seq > watermark },
      coordinator: { ...coordinatorRules, followsOn: (seq, through) => seq > through },
      replica: { ...replicaRules, mayReplay: (seq, through) => seq > through },
    },
    overrides: { ...PIPELINED, witnesses: 5, fastQuorum: 4 },
  },
  { name: 'D7: the record is written without comparing', rules: { isBlind: true }, overrides: FORGETFUL },
];

/** Looks for a seed that shows the canary, first the recorded one, then the seeds from 1 on. */
export function runCanary({ name, rules, overrides }: Canary, limit = HISTORIES_LIMIT): CanaryReport {
  const recorded = CANARY_SEEDS[name];
  let histories = 0;
  const isCaughtBy = (seed: number): CanaryReport | null => {
    histories++;
    const [first] = judgeSeed({ seed, overrides, rules }).violations;
    const isRecorded = seed === recorded;
    return first === undefined ? null : { name, caught: true, seed, histories, isRecorded, property: first.property };
  };
  const known = recorded === undefined ? null : isCaughtBy(recorded);
  if (known !== null) return known;
  for (let seed = 1; seed <= limit; seed++) {
    const report = isCaughtBy(seed);
    if (report !== null) return report;
  }
  return { name, caught: false, seed: 0, histories, isRecorded: false, property: '' };
}

/** Runs all canaries. */
export function runCanaries(): CanaryReport[] {
  return CANARIES.map((canary) => runCanary(canary));
}
