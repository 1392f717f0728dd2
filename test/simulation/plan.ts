// What one seed stands for: the shape of the cluster, the workload and how hostile the network is. Everything random
// about the size of a run is decided here, before it starts, and can be overridden by a canary or a test.

import type { Durability } from '../../protocol/replica/persistence.js';
import { SeededRandom } from './random.js';

/** How acknowledgements over the bus fare: at times lost, lost without anybody knowing, or carried by the streams. */
export type BusMode = 'lossy' | 'silent' | 'absent';

/** Weights of the operations of a workload. */
export interface OperationMix {
  put: number;
  get: number;
  delete: number;
  compareAndSet: number;
  batch: number;
  scan: number;
}

/** Probabilities and rates of faults; all zero once the run is healed. */
export interface FaultPlan {
  /** Share of frames that vanish. */
  drop: number;
  /** Share of frames that arrive twice. */
  duplicate: number;
  /** Share of frames that take up to `tailUs` longer. */
  tail: number;
  tailUs: number;
  /** True if frames of one stream may overtake each other. */
  reorders: boolean;
  /** Mean time between two breaks of a stream, over the whole cluster; 0 for none. */
  reconnectEveryUs: number;
  /** Mean time between two holds of a directed link; 0 for none. */
  holdEveryUs: number;
  /** Longest hold. */
  holdUs: number;
  /** Share of bus messages lost. */
  busLoss: number;
  /** Longest delay of a tenth of the bus messages; longer than view changes take, and they are late by epochs. */
  busLateUs: number;
  /** Mean time between two partitions; 0 for none. */
  partitionEveryUs: number;
  /** Longest partition. */
  partitionUs: number;
  /** Mean time between two pauses of a process; 0 for none. */
  pauseEveryUs: number;
  /** Longest pause. */
  pauseUs: number;
  /** Mean time between two halts of one coordinator, each longer than the liveness time; 0 for none. */
  haltEveryUs: number;
}

/** A whole run. */
export interface SimulationPlan {
  seed: number;
  /** Other numbers than 0 give other runs of an otherwise equal plan. */
  salt: number;
  replicas: number;
  witnesses: number;
  fastQuorum: number;
  /** Client processes. */
  clients: number;
  /** Sessions of each. */
  sessionsPerClient: number;
  /** Operations in flight per session. */
  depth: number;
  keys: number;
  /** Operations of all sessions together. */
  operations: number;
  /** Callers stop after so many, however many the plan has: the run up to there is the same, and shorter. */
  stopAfter: number;
  /** Share of strong operations where the kind allows both. */
  strong: number;
  mix: OperationMix;
  /** Longest pause between an answer and the next operation. */
  thinkUs: number;
  /** Share of operations whose caller stops waiting. */
  abandon: number;
  /** Shortest one-way latency of a link and the spread of the links' own latencies. */
  latencyUs: number;
  latencySpreadUs: number;
  /** Longest event-loop turn. */
  turnUs: number;
  /** Clocks of processes begin at up to this, each somewhere else. */
  clockOffsetUs: number;
  /** Clocks run faster or slower than true time by up to this share. */
  clockDrift: number;
  bus: BusMode;
  faults: FaultPlan;
  /** Mean time between two rebinds of a client; 0 for none. */
  rebindEveryUs: number;
  /** Coordinator processes. */
  coordinators: number;
  /** Answers of the bucket get lost, writes come late, reads are behind. */
  recordFaults: boolean;
  /** Share of strikes at the leader at which a coordinator crashes too; it comes back. */
  coordinatorLoss: number;
  /** Witnesses besides those that are members at first. */
  spareWitnesses: number;
  /** Time that a leader whose stream broke has to be heard in. */
  streamGraceUs: number;
  /** Time that a leader has to say it has been stalled for before it is replaced; several of its empty frames. */
  stallUs: number;
  /** Leaders that are cut off from their peers alone, or whose disks fill up, for longer than that. */
  leaderStrandings: number;
  /** Wishes of operators for another leader. */
  leaderTransfers: number;
  /** Calls for session ids. */
  sessionCalls: number;
  /** Times that the bucket is put back to an older snapshot while no coordinator runs. */
  recordRollbacks: number;
  /** Witnesses that lose their memory and come back as another life. */
  witnessRestarts: number;
  /** Share of epochs in which witnesses lose their memory just before they start, as many as may. */
  witnessLossAtStart: number;
  /** Strikes at which one witness or all of them crash and come back with their disks; none in durability `memory`. */
  witnessCrashes: number;
  /** Share of strikes at the leader soon after which witnesses crash as well, likewise. */
  witnessCrashAtStrike: number;
  /** Strikes at the leader, each of which leads to a view change or to several. */
  viewChanges: number;
  /** Share of view changes that begin with the loss of the leader for good, as long as a majority is left. */
  leaderLoss: number;
  /** Share of view changes before which the leader is cut off from its peers for a while. */
  cutOff: number;
  /** Share of strikes after which the next leader falls soon after it began, and before its peers heard of it. */
  strikesTwice: number;
  /** Share of view changes at which a client process vanishes too, so that it resends nothing. */
  clientLossAtStrike: number;
  /** Client processes that vanish at other times. */
  clientLosses: number;
  /** Longest time until a node or client hears of a configuration. */
  announceUs: number;
  /** Queues and pools have hardly any room. */
  isTight: boolean;
  writeSetLimit: number;
  descriptorLimit: number;
  shards: number;
  /** Entries that replicas keep although all have stored them; few, and new leaders find logs without a beginning. */
  logKeptEntries: number;
  /** Whether nodes find what they answered again after their end. */
  durability: Durability;
  /** Longest time that a disk takes for one group of batches. */
  diskUs: number;
  /** Registered replicas that are no members at first. */
  spares: number;
  /** Replicas that lose their memory and come back as another life. */
  replicaRestarts: number;
  /** Followers that coordinators do not hear for so long that a spare takes their place, although they live. */
  isolations: number;
  /** Share of such strikes during which some replicas are held off the leader, which then falls. */
  siege: number;
  /** Committed entries that a leader keeps for whoever lags; few, and snapshots are needed. */
  logEntriesLimit: number;
  /** Age at which what replicas and witnesses hold is brought to the leader unasked. */
  relayAfterUs: number;
  /** Silence after which a session ends; mostly longer than a run. */
  sessionLeaseUs: number;
  /** Share of operations after which the caller closes its session and goes on in another one. */
  sessionChurn: number;
  /** Mean time between two silences of a client, longer than the lease; 0 for none. */
  silenceEveryUs: number;
  /** Strikes at which replicas crash that come back with their disks; none in durability `memory`, as of the next two. */
  replicaCrashes: number;
  /** Share of strikes at the leader soon after which replicas crash as well, likewise. */
  replicaCrashAtStrike: number;
  /** Share of crashes of replicas that a coordinator notices at once. */
  crashNoticed: number;
  /** Strikes at which all replicas crash. */
  powerLosses: number;
  /** Strikes at which a disk is slow or full for a while. */
  diskObstructions: number;
  /** Entries after which replicas keep their state anew. */
  checkpointEntries: number;
}

/** A part of a plan that is set rather than drawn. */
export type PlanOverrides = Partial<SimulationPlan>;

/** A network and processes that do what they should. */
export const NO_FAULTS: FaultPlan = {
  drop: 0,
  duplicate: 0,
  tail: 0,
  tailUs: 0,
  reorders: false,
  reconnectEveryUs: 0,
  holdEveryUs: 0,
  holdUs: 0,
  busLoss: 0,
  busLateUs: 0,
  partitionEveryUs: 0,
  partitionUs: 0,
  pauseEveryUs: 0,
  pauseUs: 0,
  haltEveryUs: 0,
};

/** A mix in which nothing has a weight yet. */
export const NO_OPERATIONS: OperationMix = { put: 0, get: 0, delete: 0, compareAndSet: 0, batch: 0, scan: 0 };

/** The plan of a seed. */
export function createPlan(seed: number, overrides: PlanOverrides = {}): SimulationPlan {
  const random = new SeededRandom(seed, 1);
  const later = new SeededRandom(seed, 2);
  const [witnesses, fastQuorum] = random.pick([
    [3, 3],
    [3, 3],
    [1, 1],
    [5, 4],
  ] as const);
  const intensity = random.pick([0, 0.3, 1]);
  const sessions = new SeededRandom(seed, 6);
  const sessionLeaseUs = sessions.pick([60_000_000, 60_000_000, 30_000, 80_000]);
  const isShort = sessionLeaseUs < 60_000_000;
  const plan: Omit<SimulationPlan, 'witnessLossAtStart'> = {
    seed,
    salt: 0,
    replicas: random.chance(0.7) ? 3 : 5,
    witnesses,
    fastQuorum,
    clients: random.between(1, 3),
    sessionsPerClient: random.between(1, 3),
    depth: random.between(1, 6),
    keys: random.between(1, 8),
    operations: random.between(200, 260),
    stopAfter: 1_000_000,
    strong: random.pick([0.2, 0.5, 0.8]),
    mix: createMix(random),
    thinkUs: random.pick([0, 500, 3000]),
    abandon: random.chance(0.3) ? 0.02 : 0,
    latencyUs: random.between(50, 300),
    latencySpreadUs: random.pick([100, 1000, 3000]),
    turnUs: random.pick([10, 100, 400]),
    bus: random.pick(['lossy', 'lossy', 'lossy', 'silent', 'absent']),
    faults: createFaults(random, later, intensity),
    rebindEveryUs: random.chance(0.4) ? random.between(10_000, 60_000) : 0,
    viewChanges: random.pick([0, 1, 2, 4]),
    leaderLoss: random.pick([0, 0.5]),
    cutOff: random.pick([0, 0.5]),
    strikesTwice: random.pick([0, 0, 0.5]),
    clientLossAtStrike: random.pick([0, 0, 0.3]),
    clientLosses: random.chance(0.2) ? 1 : 0,
    announceUs: random.pick([500, 5000, 50_000]),
    coordinators: random.pick([1, 2, 2]),
    recordFaults: random.chance(0.5),
    coordinatorLoss: random.pick([0, 0.5]),
    witnessRestarts: random.pick([0, 0, 1, 2]),
    isTight: random.chance(0.2),
    writeSetLimit: random.pick([8, 64, 1024]),
    descriptorLimit: random.pick([16, 200]),
    shards: random.pick([1, 4, 64]),
    logKeptEntries: random.pick([2, 16, 1024]),
    clockOffsetUs: later.pick([0, 1_000_000, 3_600_000_000]),
    clockDrift: later.pick([0, 0.01, 0.1]),
    relayAfterUs: 30_000,
    sessionLeaseUs,
    sessionChurn: sessions.pick([0, 0, 0.05]),
    silenceEveryUs: isShort ? sessions.pick([0, 20_000, 60_000]) : 0,
    ...createDisks(new SeededRandom(seed, 3)),
    ...createReplicaCrashes(new SeededRandom(seed, 4)),
    ...createOperations(new SeededRandom(seed, 5)),
    ...createExchanges(new SeededRandom(seed, 6)),
    ...createStrandings(new SeededRandom(seed, 8)),
  };
  const forgetting = new SeededRandom(seed, 7);
  const witnessRestarts = forgetting.chance(0.2) ? 12 : plan.witnessRestarts;
  return { ...plan, witnessRestarts, witnessLossAtStart: forgetting.pick([0, 0, 0.5]), ...overrides };
}

function createDisks(random: SeededRandom) {
  return {
    durability: random.pick(['memory', 'disk'] as const),
    diskUs: random.pick([200, 2000, 10_000]),
    witnessCrashes: random.pick([0, 1, 3]),
    witnessCrashAtStrike: random.pick([0, 0.5]),
  };
}

function createExchanges(random: SeededRandom) {
  return {
    spares: random.pick([0, 0, 1, 2]),
    replicaRestarts: random.pick([0, 0, 2, 6]),
    isolations: random.pick([0, 0, 1, 3]),
    logEntriesLimit: random.pick([12, 60, 262_144]),
    siege: random.pick([0, 0.5]),
  };
}

/** What operators and the machines of the coordinators do. */
function createOperations(random: SeededRandom) {
  return {
    spareWitnesses: random.pick([0, 1, 2]),
    leaderTransfers: random.pick([0, 0, 1, 3]),
    sessionCalls: random.pick([0, 10]),
    recordRollbacks: random.pick([0, 0, 0, 1]),
    streamGraceUs: random.pick([0, 7500]),
  };
}

function createStrandings(random: SeededRandom) {
  return { stallUs: random.pick([150_000, 300_000]), leaderStrandings: random.pick([0, 0, 0, 0, 1]) };
}

function createReplicaCrashes(random: SeededRandom) {
  return {
    replicaCrashes: random.pick([0, 1, 3]),
    replicaCrashAtStrike: random.pick([0, 0.5]),
    crashNoticed: random.pick([0.2, 0.8]),
    powerLosses: random.pick([0, 0, 1]),
    diskObstructions: random.pick([0, 3]),
    checkpointEntries: random.pick([5, 40, 4096]),
  };
}

function createMix(random: SeededRandom): OperationMix {
  const writeHeavy = random.chance(0.5);
  return {
    put: writeHeavy ? 40 : 15,
    get: writeHeavy ? 30 : 60,
    delete: random.pick([2, 8]),
    compareAndSet: random.pick([0, 10, 20]),
    batch: random.pick([0, 6]),
    scan: random.pick([0, 6]),
  };
}

/** `later` draws what came later to the plan, so that the older parts of a seed's plan stay what they were. */
function createFaults(random: SeededRandom, later: SeededRandom, intensity: number): FaultPlan {
  if (intensity === 0) return NO_FAULTS;
  return {
    drop: random.pick([0, 0.03, 0.1]) * intensity,
    duplicate: random.pick([0, 0.05, 0.15]) * intensity,
    tail: random.pick([0, 0.1, 0.3]) * intensity,
    tailUs: random.pick([1000, 5000, 20_000]),
    reorders: random.chance(0.5),
    reconnectEveryUs: random.pick([0, 5000, 20_000]) / intensity,
    holdEveryUs: random.pick([0, 1000, 5000]) / intensity,
    holdUs: random.pick([3000, 15_000, 50_000]),
    busLoss: random.pick([0, 0.3, 0.9]),
    busLateUs: later.pick([40_000, 400_000]),
    partitionEveryUs: later.pick([0, 0, 20_000, 80_000]) / intensity,
    partitionUs: later.pick([5000, 30_000, 150_000]),
    pauseEveryUs: later.pick([0, 0, 10_000, 50_000]) / intensity,
    pauseUs: later.pick([5000, 30_000, 150_000]),
    haltEveryUs: 0,
  };
}
