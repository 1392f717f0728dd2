// The coordinator's rules: gather members, write the first epoch, have it led, open it, start its witnesses, begin the
// next epoch when the leader is taken for lost or another witness or leader should take part, and issue session ids. All
// of it hangs on one record that is changed by compare-and-set; several cores may work on the same record, and each step
// starts from what the record says. Deliberately does not know how records or calls travel.

import type { Core } from '../core.js';
import { unreachable } from '../core.js';
import type { ClusterConfig } from '../messages.js';
import { createQuorums } from '../quorum.js';
import { Epochs } from './epochs.js';
import { hasLeader, isNewer, isSameRecord, mergeRecords } from './record.js';
import { RollCall } from './roll-call.js';
import { type CoordinatorRules, coordinatorRules } from './rules.js';
import { SESSIONS_PER_CALL_LIMIT, SessionIds } from './session-ids.js';
import type {
  CoordinatorInput,
  CoordinatorOutput,
  CoordinatorRecord,
  CoordinatorRefusal,
  CoordinatorSettings,
  HeartbeatRequest,
  OpenSessionsRequest,
  RegisterRequest,
  StoredRecord,
  TransferLeaderRequest,
} from './types.js';

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
  readonly #rules: CoordinatorRules;
  readonly #nodes: RollCall;
  readonly #sessions = new SessionIds();
  readonly #epochs: Epochs;
  #access: RecordAccess = { kind: 'unread' };
  /** Merge of all records ever read or written here; never goes back (D9). Null until there is one. */
  #known: CoordinatorRecord | null = null;
  /** The configuration that nodes and clients were told last: an epoch without a leader is nobody's business yet. */
  #told: ClusterConfig | undefined;
  /** Highest revision seen: what is below it was put back. */
  #revision = 0;
  /** When a node last spoke of an epoch that the record does not have, and the record was read again for it. */
  #reread = { epoch: 0, atUs: 0 };
  /** What people were told last that the cluster waits for. */
  #waiting = '';
  #isHalted = false;

  /** @throws RangeError if no cluster of this shape can work. */
  constructor(settings: CoordinatorSettings, rules: CoordinatorRules = coordinatorRules) {
    createQuorums(settings);
    this.#settings = settings;
    this.#rules = rules;
    this.#nodes = new RollCall(settings);
    this.#epochs = new Epochs({ settings, rules, nodes: this.#nodes });
  }

  step(input: CoordinatorInput, nowUs: number, outputs: Outputs): void {
    if (this.#isHalted) return;
    this.#nodes.registry.hearing.step(nowUs);
    this.#onInput(input, nowUs, outputs);
    this.#refuseUnservableSessions(outputs);
    this.#issueSessions(outputs);
    this.#nodes.judgeStates(this.#known?.config, nowUs, outputs);
    this.#epochs.watch(this.#known, nowUs, outputs);
    this.#maybeAccessRecord(nowUs, outputs);
    this.#epochs.drive(this.#known, nowUs, outputs);
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
        return this.#onTransferLeader(input.call, input.request, nowUs, outputs);
      case 'led':
      case 'started':
      case 'fenced':
      case 'sealed':
      case 'recovered':
      case 'admitted':
      case 'attemptFailed':
        return this.#epochs.onAnswer(input, this.#known, nowUs);
      case 'nodeLost':
        return this.#nodes.registry.lose(input, nowUs);
      case 'cutOff':
        return this.#nodes.registry.hearing.beginAnew(nowUs);
      case 'nodeSeen':
        if (input.clusterId === this.#known?.clusterId) this.#nodes.onSeen(input.node, input.report, nowUs);
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
    if (stored.revision < this.#revision) this.#nodes.survey.beginAnew();
    this.#revision = stored.revision;
    if (stored.record !== null) this.#learn(stored.record, nowUs, outputs);
    this.#epochs.onRecordRead(this.#known);
  }

  #onRecordWritten(revision: number, nowUs: number, outputs: Outputs): void {
    if (this.#access.kind !== 'writing') return;
    const { stored, record, range } = this.#access;
    this.#access = { kind: 'idle', stored: stored.revision > revision ? stored : { revision, record } };
    this.#revision = Math.max(this.#revision, revision);
    this.#learn(record, nowUs, outputs);
    // Only a range whose write is known to have gone through is handed out: after a conflict or a timeout another
    // coordinator may own it, and two clients would number their writes alike (F8).
    if (range.to > range.from) this.#sessions.addRange(range.from, range.to);
    this.#issueSessions(outputs);
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
    this.#nodes.presume(this.#known, config, nowUs);
    this.#epochs.follow(this.#known, config, nowUs);
    if (!hasLeader(this.#known)) return;
    this.#told = config;
    outputs.push({ kind: 'config', config });
  }

  /** Reads the record if it is not known, writes it if it should say something else. */
  #maybeAccessRecord(nowUs: number, outputs: Outputs): void {
    this.#learnFromNodes(nowUs, outputs);
    if (this.#epochs.takeWantsRead() && this.#access.kind === 'idle') this.#access = { kind: 'unread' };
    if (this.#access.kind === 'unread') {
      this.#access = { kind: 'reading' };
      outputs.push({ kind: 'readRecord' });
    }
    if (this.#access.kind !== 'idle' || this.#isHalted) return;
    const { stored } = this.#access;
    const { clusterIdProposal: clusterId, sessionLimit } = this.#settings;
    const known = this.#known ?? { clusterId, sessionFloor: 1, config: undefined, recovery: undefined };
    // Members are written only under an id that is in force, so the first record has none.
    const next = this.#known === null ? known : this.#epochs.next(known, nowUs);
    const from = this.#rules.sessionFloor(known.sessionFloor, this.#nodes.survey.sessionFloor);
    // The first epoch comes with ids, so that nodes have heard of them by the time that the first client asks.
    const isAhead = known.config === undefined && next.config !== undefined;
    const isCurrent = this.#epochs.isRecordCurrent(known);
    const to = from + (isCurrent ? this.#sessions.wanted(from, sessionLimit, isAhead) : 0);
    const { config, recovery } = next;
    const record = { clusterId: known.clusterId, sessionFloor: to, config, recovery };
    if (stored.record !== null && isSameRecord(record, stored.record)) return;
    this.#access = { kind: 'writing', stored, record, range: { from, to } };
    outputs.push({ kind: 'writeRecord', expectedRevision: stored.revision, record });
  }

  /** D9: reads the record again if nodes speak of a later epoch, and takes from them what it lost. */
  #learnFromNodes(nowUs: number, outputs: Outputs): void {
    const known = this.#known;
    if (known === null) return;
    const lost = this.#nodes.survey.lostConfig();
    if (lost?.clusterId === known.clusterId && isNewer({ config: lost, recovery: undefined }, known)) {
      this.#learn({ ...known, config: lost, recovery: undefined }, nowUs, outputs);
    }
    const { epoch } = this.#nodes.survey;
    if (!this.#nodes.survey.knowsMoreThan(this.#known?.config) || this.#access.kind !== 'idle') return;
    if (epoch === this.#reread.epoch && nowUs - this.#reread.atUs < this.#settings.retryUs) return;
    this.#reread = { epoch, atUs: nowUs };
    this.#access = { kind: 'unread' };
  }

  /** Says what the cluster waits for, when that changes. */
  #maybeSayWaiting(nowUs: number, outputs: Outputs): void {
    const config = this.#known?.config;
    const detail = this.#describeWait(config, nowUs);
    if (detail === this.#waiting) return;
    this.#waiting = detail;
    outputs.push({ kind: 'waiting', detail });
  }

  #describeWait(config: ClusterConfig | undefined, nowUs: number): string {
    const { epoch } = this.#nodes.survey;
    const recorded = config?.epoch ?? 0;
    if (this.#nodes.survey.knowsMoreThan(config) && this.#reread.epoch === epoch && this.#access.kind === 'idle') {
      return `nodes speak of epoch ${epoch}, the record only of epoch ${recorded}: the bucket was put back, and nobody can tell yet whether epoch ${epoch} served`;
    }
    return config === undefined ? '' : this.#epochs.describeWait(config, nowUs);
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
    const clusterId = request.clusterId === '' ? (this.#known?.clusterId ?? '') : request.clusterId;
    if (this.#ignoreStranger(call, clusterId, outputs) !== null || this.#known === null) return;
    this.#nodes.onRegister({ call, request }, this.#known, nowUs, outputs);
  }

  #onHeartbeat(call: number, request: HeartbeatRequest, nowUs: number, outputs: Outputs): void {
    if (this.#ignoreStranger(call, request.clusterId, outputs) !== null || this.#known === null) return;
    this.#nodes.onHeartbeat({ call, request }, this.#known, nowUs, outputs);
  }

  #onTransferLeader(call: number, request: TransferLeaderRequest, nowUs: number, outputs: Outputs): void {
    if (this.#ignoreStranger(call, request.clusterId, outputs) !== null) return;
    const config = this.#known?.config;
    const live = config === undefined ? [] : this.#epochs.liveReplicas(config, nowUs);
    this.#epochs.transfers.onCall({ call, replicaId: request.replicaId }, config, live, outputs);
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
    this.#issueSessions(outputs);
  }

  /**
   * F8: an id goes out only once a majority of the replicas was told that it is taken. Should the bucket be put back while
   * no coordinator runs, whoever reserves ids next hears of it from one of them.
   */
  #issueSessions(outputs: Outputs): void {
    if (!this.#sessions.hasWaiting) return;
    const config = this.#known?.config;
    const agreed = config === undefined ? Number.POSITIVE_INFINITY : this.#nodes.survey.agreedFloor(config);
    const mayIssue = (through: number): boolean => this.#rules.mayIssue(through, agreed);
    for (const { call, count, firstSession } of this.#sessions.issue(mayIssue)) {
      outputs.push({ kind: 'sessionsOpened', call, response: { firstSession, count } });
    }
  }

  #refuseUnservableSessions(outputs: Outputs): void {
    // While a write is under way its range may be ours although the record already says that it is taken.
    if (this.#known === null || this.#access.kind === 'writing' || !this.#sessions.hasWaiting) return;
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
