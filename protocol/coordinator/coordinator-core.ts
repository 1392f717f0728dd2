// The coordinator's rules: gather members, write the first epoch, have it led, open it, start its witnesses, and issue
// session ids. All of it hangs on one record that is changed by compare-and-set; several cores may work on the same
// record, and each step starts from what the record says. Deliberately does not know how records or calls travel.

import type { Core } from '../core.js';
import { unreachable } from '../core.js';
import { NUMBER_LIMIT } from '../limits.js';
import type { ClusterConfig } from '../messages.js';
import { EpochStatus } from '../messages.js';
import { createQuorums } from '../quorum.js';
import { Installation } from './installation.js';
import { createFirstConfig, createOpenConfig, isNewerConfig, isSameRecord, mergeRecords } from './record.js';
import { NodeRegistry } from './registry.js';
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
  #access: RecordAccess = { kind: 'unread' };
  /** Merge of all records ever read or written here; never goes back (D9). Null until there is one. */
  #known: CoordinatorRecord | null = null;
  #isHalted = false;

  /** @throws RangeError if no cluster of this shape can work. */
  constructor(settings: CoordinatorSettings) {
    createQuorums(settings);
    this.#settings = settings;
    this.#registry = new NodeRegistry(settings.livenessUs);
    this.#installation = new Installation({ retryUs: settings.retryUs, registry: this.#registry });
  }

  step(input: CoordinatorInput, nowUs: number, outputs: Outputs): void {
    if (this.#isHalted) return;
    this.#onInput(input, nowUs, outputs);
    this.#refuseUnservableSessions(outputs);
    this.#maybeAccessRecord(nowUs, outputs);
    this.#installation.drive(nowUs, outputs);
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
      case 'keepAlive':
        if (this.#ignoreStranger(input.call, input.clusterId, outputs) === null) {
          outputs.push({ kind: 'keptAlive', call: input.call });
        }
        return;
      case 'led':
        return this.#onLed(input.attempt, input.response, nowUs);
      case 'started':
        return this.#installation.onStarted(input.attempt, input.response, nowUs);
      case 'attemptFailed':
        return this.#installation.onFailed(input.attempt, nowUs);
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
    const config = this.#known.config;
    if (config === undefined || !isNewerConfig(config, before?.config)) return;
    for (const { id, address, incarnation } of config.replicas) {
      this.#registry.presume({ role: NodeRole.replica, id, address, incarnation }, nowUs);
    }
    for (const { id, address, incarnation } of config.witnesses) {
      this.#registry.presume({ role: NodeRole.witness, id, address, incarnation }, nowUs);
    }
    outputs.push({ kind: 'config', config });
    this.#installation.follow(config, nowUs);
  }

  /** Reads the record if it is not known, writes it if it should say something else. */
  #maybeAccessRecord(nowUs: number, outputs: Outputs): void {
    if (this.#access.kind === 'unread') {
      this.#access = { kind: 'reading' };
      outputs.push({ kind: 'readRecord' });
    }
    if (this.#access.kind !== 'idle' || this.#isHalted) return;
    const { stored } = this.#access;
    const known = this.#known ?? { clusterId: this.#settings.clusterIdProposal, sessionFloor: 1, config: undefined };
    const from = known.sessionFloor;
    const to = from + this.#sessions.wanted(from, this.#settings.sessionLimit);
    const record = { clusterId: known.clusterId, sessionFloor: to, config: this.#nextConfig(known, nowUs) };
    if (stored.record !== null && isSameRecord(record, stored.record)) return;
    this.#access = { kind: 'writing', stored, record, range: { from, to } };
    outputs.push({ kind: 'writeRecord', expectedRevision: stored.revision, record });
  }

  /** The configuration that the record should hold: the one in force, or the step that follows it. */
  #nextConfig(known: CoordinatorRecord, nowUs: number): ClusterConfig | undefined {
    const { config } = known;
    if (config === undefined) return this.#gather(known.clusterId, nowUs);
    const led = this.#installation.led;
    if (config.status !== EpochStatus.recovering || led === null) return config;
    return createOpenConfig(config, led.openSlot, (id) => this.#registry.find(NodeRole.witness, id));
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
    if (isStranger || led.openSlot < 1) this.#installation.onFailed(attempt, nowUs);
    else this.#installation.onLed(attempt, led, nowUs);
  }

  // Calls.

  #onConfigCall(input: { kind: 'getConfig' | 'watch'; call: number; clusterId: string }, outputs: Outputs): void {
    const { kind, call, clusterId } = input;
    if (clusterId !== '' || this.#known === null) {
      if (this.#ignoreStranger(call, clusterId, outputs) !== null) return;
    }
    outputs.push({ kind: kind === 'getConfig' ? 'currentConfig' : 'watching', call, config: this.#known?.config });
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
    outputs.push({ kind: 'heartbeatNoted', call, response: { epoch: this.#known?.config?.epoch ?? 0 } });
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
