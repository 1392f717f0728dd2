// The coordinator's rules: gather members, write the first epoch, have it led, open it, start its witnesses, begin the
// next epoch when the leader is taken for lost, and issue session ids. All of it hangs on one record that is changed by compare-and-set; several cores may work on the same
// record, and each step starts from what the record says. Deliberately does not know how records or calls travel.

import type { Core } from '../core.js';
import { unreachable } from '../core.js';
import { NUMBER_LIMIT } from '../limits.js';
import type { ClusterConfig } from '../messages.js';
import { EpochStatus } from '../messages.js';
import { createQuorums } from '../quorum.js';
import { Admission } from './admission.js';
import { Installation } from './installation.js';
import { LeaderWatch } from './leader-watch.js';
import {
  createFirstConfig,
  createNextEpoch,
  createOpenConfig,
  hasLeader,
  isNewer,
  isSameRecord,
  mergeRecords,
} from './record.js';
import { NodeRegistry } from './registry.js';
import { coordinatorRules } from './rules.js';
import { SESSIONS_PER_CALL_LIMIT, SessionIds } from './session-ids.js';
import type {
  CoordinatorInput,
  CoordinatorOutput,
  CoordinatorRecord,
  CoordinatorRefusal,
  CoordinatorSettings,
  HeartbeatRequest,
  Led,
  OpenSessionsRequest,
  RegisterRequest,
  StoredRecord,
} from './types.js';
import { NodeRole } from './types.js';
import { ViewChange } from './view-change.js';

type Outputs = CoordinatorOutput[];

/** What is under way between this core and the bucket. */
type RecordAccess =
  /** Nothing was asked for yet, or a write's fate is unknown: read before anything else. */
  | { kind: 'unread' }
  | { kind: 'reading' }
  | { kind: 'idle'; stored: StoredRecord }
  /** `stored` may become newer than what the write expects; then the write meets a conflict. */
  | { kind: 'writing'; stored: StoredRecord; record: CoordinatorRecord; range: { from: number; to: number } };

/** One coordinator. Pure: the bucket, the network, the clock and randomness belong to the host. */
export class CoordinatorCore implements Core<CoordinatorInput, CoordinatorOutput> {
  readonly #settings: CoordinatorSettings;
  readonly #registry: NodeRegistry;
  readonly #sessions = new SessionIds();
  readonly #installation: Installation;
  readonly #change: ViewChange;
  readonly #watch: LeaderWatch;
  readonly #admission: Admission;
  #access: RecordAccess = { kind: 'unread' };
  /** Merge of all records ever read or written here; never goes back (D9). Null until there is one. */
  #known: CoordinatorRecord | null = null;
  /** The configuration that nodes and clients were told last: an epoch without a leader is nobody's business yet. */
  #told: ClusterConfig | undefined;
  #isLeaderSuspected = false;
  /** What people were told last that the cluster waits for. */
  #waiting = '';
  #lastAttempt = 0;
  #isHalted = false;

  /** @throws RangeError if no cluster of this shape can work. */
  constructor(settings: CoordinatorSettings) {
    createQuorums(settings);
    this.#settings = settings;
    this.#registry = new NodeRegistry(settings.livenessUs);
    const { retryUs, rules = coordinatorRules } = settings;
    const nextAttempt = (): number => ++this.#lastAttempt;
    this.#installation = new Installation({ retryUs, registry: this.#registry, nextAttempt });
    this.#change = new ViewChange({ retryUs, rules, nextAttempt });
    this.#watch = new LeaderWatch(settings);
    const { livenessUs, replaceAfterUs = 5 * livenessUs } = settings;
    this.#admission = new Admission({
      ...{ registry: this.#registry, livenessUs, retryUs, replaceAfterUs, nextAttempt, rules },
    });
  }

  step(input: CoordinatorInput, nowUs: number, outputs: Outputs): void {
    if (this.#isHalted) return;
    this.#onInput(input, nowUs, outputs);
    this.#refuseUnservableSessions(outputs);
    this.#watchLeader(nowUs);
    if (this.#known?.config !== undefined) this.#admission.drive(this.#known.config, nowUs, outputs);
    this.#maybeAccessRecord(nowUs, outputs);
    this.#change.drive(nowUs, outputs);
    this.#installation.drive(nowUs, this.#known?.recovery === undefined ? [] : this.#change.replay, outputs);
    this.#maybeSayWaiting(nowUs, outputs);
  }

  #onInput(input: CoordinatorInput, nowUs: number, outputs: Outputs): void {
    switch (input.kind) {
      case 'recordRead':
        return this.#onRecordRead(input.stored, nowUs, outputs);
      case 'recordWritten':
        return this.#onRecordWritten(input.revision, nowUs, outputs);
      case 'recordConflict':
        this.#access = { kind: 'unread' };
        return;
      case 'getConfig':
      case 'watch':
        return this.#onConfigCall(input, outputs);
      case 'register':
        return this.#onRegister(input.call, input.request, nowUs, outputs);
      case 'heartbeat':
        return this.#onHeartbeat(input.call, input.request, nowUs, outputs);
      case 'openSessions':
        return this.#onOpenSessions(input.call, input.request, outputs);
      case 'transferLeader':
        return this.#refuse(input.call, 'notReady', 'leaders cannot be transferred yet', outputs);
      case 'led':
        return this.#onLed(input.attempt, input.response, nowUs);
      case 'started':
        return this.#installation.onStarted(input.attempt, input.response, nowUs);
      case 'fenced':
        return this.#change.onFenced(input.attempt, input.response, nowUs);
      case 'sealed':
        return this.#change.onSealed(input.attempt, input.response, nowUs);
      case 'recovered':
        return this.#change.onRecovered(input.attempt, input.response, nowUs);
      case 'admitted':
        return this.#admission.onAdmitted(input.attempt, input.response, nowUs);
      case 'attemptFailed':
        this.#admission.onFailed(input.attempt, nowUs);
        this.#change.onFailed(input.attempt, nowUs);
        return this.#installation.onFailed(input.attempt, nowUs);
      case 'nodeLost':
        return this.#registry.lose(input);
      case 'nodeSeen':
        if (input.clusterId === this.#known?.clusterId) this.#registry.register(input.node, nowUs);
        return;
      case 'tick':
      case 'turnEnd':
        return;
      default:
        unreachable(input);
    }
  }

  // The record.

  #onRecordRead(stored: StoredRecord, nowUs: number, outputs: Outputs): void {
    if (this.#access.kind === 'writing') this.#access.stored = stored;
    else this.#access = { kind: 'idle', stored };
    if (stored.record !== null) this.#learn(stored.record, nowUs, outputs);
  }

  #onRecordWritten(revision: number, nowUs: number, outputs: Outputs): void {
    if (this.#access.kind !== 'writing') return;
    const { stored, record, range } = this.#access;
    this.#access = { kind: 'idle', stored: stored.revision > revision ? stored : { revision, record } };
    this.#learn(record, nowUs, outputs);
    // Only a range whose write is known to have gone through is handed out: after a conflict or a timeout another
    // coordinator may own it, and two clients would number their writes alike (F8).
    if (range.to > range.from) this.#sessions.addRange(range.from, range.to);
    for (const { call, count, firstSession } of this.#sessions.issue()) {
      outputs.push({ kind: 'sessionsOpened', call, response: { firstSession, count } });
    }
  }

  /** Takes in what a record says. */
  #learn(record: CoordinatorRecord, nowUs: number, outputs: Outputs): void {
    const before = this.#known;
    if (before !== null && before.clusterId !== record.clusterId) {
      this.#isHalted = true;
      const detail = `the bucket now belongs to cluster ${record.clusterId}, this coordinator to ${before.clusterId}`;
      outputs.push({ kind: 'halt', detail });
      return;
    }
    this.#known = before === null ? record : mergeRecords(before, record);
    const { config } = this.#known;
    if (config === undefined || !isNewer(this.#known, before)) return;
    for (const { id, address, incarnation } of config.replicas) {
      this.#registry.presume({ role: NodeRole.replica, id, address, incarnation }, nowUs);
    }
    for (const { id, address, incarnation } of config.witnesses) {
      this.#registry.presume({ role: NodeRole.witness, id, address, incarnation }, nowUs);
    }
    this.#change.follow(this.#known, nowUs);
    this.#installation.follow(config, nowUs);
    if (!hasLeader(this.#known)) return;
    this.#told = config;
    outputs.push({ kind: 'config', config });
  }

  /** Reads the record if it is not known, writes it if it should say something else. */
  #maybeAccessRecord(nowUs: number, outputs: Outputs): void {
    if (this.#change.takeBehind() && this.#access.kind === 'idle') this.#access = { kind: 'unread' };
    if (this.#access.kind === 'unread') {
      this.#access = { kind: 'reading' };
      outputs.push({ kind: 'readRecord' });
    }
    if (this.#access.kind !== 'idle' || this.#isHalted) return;
    const { stored } = this.#access;
    const { clusterIdProposal: clusterId } = this.#settings;
    const known = this.#known ?? { clusterId, sessionFloor: 1, config: undefined, recovery: undefined };
    const from = known.sessionFloor;
    const to = from + this.#sessions.wanted(from, this.#settings.sessionLimit);
    const record = { clusterId: known.clusterId, sessionFloor: to, ...this.#nextEpoch(known, nowUs) };
    if (stored.record !== null && isSameRecord(record, stored.record)) return;
    this.#access = { kind: 'writing', stored, record, range: { from, to } };
    outputs.push({ kind: 'writeRecord', expectedRevision: stored.revision, record });
  }

  /** What the record should hold: what it holds, or the step that follows. */
  #nextEpoch(known: CoordinatorRecord, nowUs: number): Pick<CoordinatorRecord, 'config' | 'recovery'> {
    const { config, recovery } = known;
    if (config === undefined) return { config: this.#gather(known.clusterId, nowUs), recovery };
    if (this.#isLeaderSuspected && this.#countOthers(config, nowUs) >= majorityOf(config)) {
      return createNextEpoch({ config, recovery });
    }
    const { choice } = this.#change;
    if (recovery !== undefined && choice !== null) {
      // C6: who leads an epoch is decided here and once; two coordinators may have fenced different majorities.
      return { config: { ...config, leader: choice }, recovery: { ...recovery, isLeaderChosen: true } };
    }
    const { led } = this.#installation;
    // D10: the record held this very list when the leader answered, or the write fails.
    if (config.status === EpochStatus.open) return { config: this.#admission.exchanged(config) ?? config, recovery };
    if (led === null) return { config, recovery };
    const open = createOpenConfig(config, led.openSlot, (id) => this.#registry.find(NodeRole.witness, id));
    return { config: open, recovery: undefined };
  }

  /** Replicas besides the leader that are heard, in the lives that the configuration names. */
  #countOthers(config: ClusterConfig, nowUs: number): number {
    return config.replicas.filter(({ id, index, incarnation }) => {
      const node = this.#registry.find(NodeRole.replica, id);
      return index !== config.leader && node?.incarnation === incarnation && this.#registry.isLive(node, nowUs);
    }).length;
  }

  #watchLeader(nowUs: number): void {
    const known = this.#known;
    if (known?.config === undefined || !hasLeader(known)) {
      this.#isLeaderSuspected = false;
      return;
    }
    const { config } = known;
    const node = this.#registry.find(NodeRole.replica, config.replicas[config.leader]?.id ?? '');
    this.#isLeaderSuspected = this.#watch.isSuspected(config, node, nowUs);
  }

  /** Says what a change waits for. Without a majority of other replicas none begins: it could only end the present epoch. */
  #maybeSayWaiting(nowUs: number, outputs: Outputs): void {
    const config = this.#known?.config;
    if (config === undefined) return;
    let detail = this.#change.describeWait(nowUs, this.#settings.livenessUs) ?? '';
    const others = this.#isLeaderSuspected ? this.#countOthers(config, nowUs) : config.replicas.length;
    if (others < majorityOf(config)) {
      const leader = config.replicas[config.leader]?.id;
      detail = `${leader}, which leads epoch ${config.epoch}, is not heard, and of the ${majorityOf(config)} other replicas that the next epoch needs only ${others} are`;
    }
    if (detail === this.#waiting) return;
    this.#waiting = detail;
    outputs.push({ kind: 'waiting', detail });
  }

  /** The first epoch, once enough members are there. More than enough: the first by name, the others wait. */
  #gather(clusterId: string, nowUs: number): ClusterConfig | undefined {
    const settings = this.#settings;
    const replicas = this.#registry.live(NodeRole.replica, nowUs).slice(0, settings.replicas);
    const witnesses = this.#registry.live(NodeRole.witness, nowUs).slice(0, settings.witnesses);
    // A core that never saw a record proposes the id first; members are written only under an id that is in force.
    if (this.#known === null || replicas.length < settings.replicas || witnesses.length < settings.witnesses)
      return undefined;
    return createFirstConfig({ clusterId, replicas, witnesses, settings });
  }

  #onLed(attempt: number, led: Led, nowUs: number): void {
    const config = this.#known?.config;
    // A leader that names another slot than the one the epoch opened with is not the leader that was opened.
    const isStranger = config?.status === EpochStatus.open && config.openSlot !== led.openSlot;
    // Superseded: the record may know by whom.
    if (led.openSlot < 1 && this.#access.kind === 'idle') this.#access = { kind: 'unread' };
    if (isStranger || led.openSlot < 1) this.#installation.onFailed(attempt, nowUs);
    else this.#installation.onLed(attempt, led, nowUs);
  }

  // Calls.

  #onConfigCall(input: { kind: 'getConfig' | 'watch'; call: number; clusterId: string }, outputs: Outputs): void {
    const { kind, call, clusterId } = input;
    if (clusterId !== '' || this.#known === null) {
      if (this.#ignoreStranger(call, clusterId, outputs) !== null) return;
    }
    outputs.push({ kind: kind === 'getConfig' ? 'currentConfig' : 'watching', call, config: this.#told });
  }

  #onRegister(call: number, request: RegisterRequest, nowUs: number, outputs: Outputs): void {
    const invalid = describeInvalidNode(request);
    if (invalid !== null) return this.#refuse(call, 'invalid', invalid, outputs);
    const clusterId = this.#known?.clusterId ?? '';
    if (this.#ignoreStranger(call, request.clusterId === '' ? clusterId : request.clusterId, outputs) !== null) return;
    const { role, nodeId: id, address, incarnation } = request;
    const node = { role, id, address, incarnation };
    const holder = this.#registry.register(node, nowUs);
    if (holder !== null) {
      const detail = `node id ${id} is taken by a live node at ${holder.address}`;
      return this.#refuse(call, 'duplicateNode', detail, outputs);
    }
    outputs.push({ kind: 'nodeSeen', clusterId, node });
    outputs.push({ kind: 'registered', call, response: { clusterId, heartbeatUs: this.#settings.heartbeatUs } });
  }

  #onHeartbeat(call: number, request: HeartbeatRequest, nowUs: number, outputs: Outputs): void {
    if (this.#ignoreStranger(call, request.clusterId, outputs) !== null) return;
    const node = this.#registry.renew(request, nowUs);
    if (node === undefined) {
      const detail = `node ${request.nodeId} with incarnation ${request.incarnation} is not registered here`;
      return this.#refuse(call, 'unknownNode', detail, outputs);
    }
    const { role, id, address, incarnation } = node;
    outputs.push({ kind: 'nodeSeen', clusterId: request.clusterId, node: { role, id, address, incarnation } });
    outputs.push({ kind: 'heartbeatNoted', call, response: { epoch: this.#known?.config?.epoch ?? 0, stop: '' } });
  }

  #onOpenSessions(call: number, request: OpenSessionsRequest, outputs: Outputs): void {
    if (this.#ignoreStranger(call, request.clusterId, outputs) !== null) return;
    const { count } = request;
    if (!Number.isInteger(count) || count < 1 || count > SESSIONS_PER_CALL_LIMIT) {
      const detail = `count must be a whole number from 1 to ${SESSIONS_PER_CALL_LIMIT}, not ${count}`;
      return this.#refuse(call, 'invalid', detail, outputs);
    }
    if (!this.#sessions.push({ call, count })) {
      return this.#refuse(call, 'full', 'too many calls wait for session ids', outputs);
    }
    for (const issued of this.#sessions.issue()) {
      const response = { firstSession: issued.firstSession, count: issued.count };
      outputs.push({ kind: 'sessionsOpened', call: issued.call, response });
    }
  }

  #refuseUnservableSessions(outputs: Outputs): void {
    // While a write is under way its range may be ours although the record already says that it is taken.
    if (this.#known === null || this.#access.kind === 'writing') return;
    const limit = this.#settings.sessionLimit;
    for (const { call, count } of this.#sessions.refuseBeyond(this.#known.sessionFloor, limit)) {
      const detail = `${count} sessions more would pass the session limit of ${limit} for the life of this cluster`;
      this.#refuse(call, 'sessionLimit', detail, outputs);
    }
  }

  /** Refuses a call that comes too early or from another cluster; returns the reason, or null if it may go on. */
  #ignoreStranger(call: number, clusterId: string, outputs: Outputs): CoordinatorRefusal | null {
    if (this.#known === null) {
      this.#refuse(call, 'notReady', 'the cluster record has not been read yet', outputs);
      return 'notReady';
    }
    if (clusterId !== this.#known.clusterId) {
      const detail = `this coordinator serves cluster ${this.#known.clusterId}, not ${clusterId === '' ? '(none)' : clusterId}`;
      this.#refuse(call, 'clusterMismatch', detail, outputs);
      return 'clusterMismatch';
    }
    return null;
  }

  #refuse(call: number, refusal: CoordinatorRefusal, detail: string, outputs: Outputs): void {
    outputs.push({ kind: 'callRefused', call, refusal, detail });
  }
}

function majorityOf({ replicas, witnesses, fastQuorum }: ClusterConfig): number {
  return createQuorums({ replicas: replicas.length, witnesses: witnesses.length, fastQuorum }).majority;
}

/** What is wrong with a registration, or null. */
function describeInvalidNode(request: RegisterRequest): string | null {
  const { role, nodeId, address, incarnation } = request;
  if (role !== NodeRole.replica && role !== NodeRole.witness) return `role must be replica or witness, not ${role}`;
  if (!/^[A-Za-z0-9_.:@-]{1,128}$/.test(nodeId)) return 'node_id must be 1 to 128 letters, digits or _.:@-';
  if (!/^.+:[0-9]{1,5}$/.test(address)) return `address must be host:port, not "${address}"`;
  if (!Number.isInteger(incarnation) || incarnation < 1 || incarnation > NUMBER_LIMIT) {
    return `incarnation must be a whole number from 1 to ${NUMBER_LIMIT}, not ${incarnation}`;
  }
  return null;
}
