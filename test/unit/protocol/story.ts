// A whole cluster of production cores whose messages move only when a test says so: every frame waits in a list until it
// is delivered, dropped or duplicated by hand. Time is a number. Actors are called r0…, w0… and c1…; client cN runs one
// session, number N. The coordinator's part of a view change is in view-change.ts.

import type {
  Answer,
  ClientInput,
  ClientOutput,
  Operation,
  ReplicaInput,
  ReplicaOutput,
  ResolvedOutcome,
  WitnessInput,
  WitnessOutput,
} from '../../../protocol/core.js';
import type { AdmitResponse, ClusterConfig, LeadResponse } from '../../../protocol/messages.js';
import { EpochStatus } from '../../../protocol/messages.js';
import type { ReplicaOptions } from '../../../protocol/replica/node.js';
import { ReplicaCore } from '../../../protocol/replica/replica-core.js';
import { type ReplicaRules, replicaRules } from '../../../protocol/replica/rules.js';
import { ClientCore } from '../../../protocol/session/client-core.js';
import { type SessionRules, sessionRules } from '../../../protocol/session/rules.js';
import { type WitnessRules, witnessRules } from '../../../protocol/witness/rules.js';
import { WitnessCore } from '../../../protocol/witness/witness-core.js';

/** The one cluster of all stories, in which nothing is traced. */
export const CLUSTER = 'story';
export const NO_BYTES = new Uint8Array(0);

/** Rules to break. */
export interface BrokenRules {
  replica?: Partial<ReplicaRules>;
  witness?: Partial<WitnessRules>;
  session?: Partial<SessionRules>;
}

/** Shape of the cluster; three replicas, three witnesses, all of them needed, three clients bound to r2. */
export interface StoryOptions {
  replicas?: number;
  witnesses?: number;
  fastQuorum?: number;
  clients?: number;
  /** Replica to which every client is bound. */
  bound?: number;
  /** Most uncommitted writes of one session. */
  writeSetLimit?: number;
  /** Log entries that replicas keep although all have stored them. */
  logKeptEntries?: number;
  /** Log entries beyond which the leader drops what only a follower lacks. */
  logEntriesLimit?: number;
  /** Size that closes a part of a snapshot. */
  snapshotPartBytes?: number;
  /** Silence after which a session is taken for gone; long unless set. */
  sessionLeaseUs?: number;
  broken?: BrokenRules;
}

/** One operation of a client and what became of it. */
export interface Call {
  answer: Answer | undefined;
  refused: string | undefined;
  /** Why there will be no answer. */
  failed: string | undefined;
  /** Answer to a question about a write. */
  resolved: ResolvedOutcome | undefined;
  /** Levels that a weak write has reached after `local`. */
  levels: string[];
  /** Slot that came with `committed`, if that was said. */
  committedSlot: number | undefined;
  /** Named attempts of a traced read. */
  attempts: number[];
  numbered: boolean;
}

interface Mail {
  from: string;
  to: string;
  kind: string;
  deliver: () => void;
}

/** A key or value as a test writes it. */
export function toBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Value that a read answered, null if the key was absent; undefined while there is no answer. */
export function valueRead({ answer }: Call): string | null | undefined {
  if (answer === undefined) return undefined;
  return answer.present ? new TextDecoder().decode(answer.value) : null;
}

/** `pending`, the path, or for a slow operation the reason. */
export function outcome({ answer }: Call): string {
  return answer === undefined ? 'pending' : (answer.slowReason ?? answer.path);
}

function matches(name: string, pattern: string): boolean {
  return pattern
    .split(' ')
    .some((one) => one === '*' || one === name || (one.endsWith('*') && name.startsWith(one[0]!)));
}

function createCall(): Call {
  return {
    ...{ answer: undefined, refused: undefined, failed: undefined, resolved: undefined },
    ...{ levels: [], committedSlot: undefined, attempts: [], numbered: false },
  };
}

/** The cluster and its post. */
export class Story {
  readonly replicas: ReplicaCore[] = [];
  readonly witnesses: WitnessCore[] = [];
  readonly clients = new Map<number, ClientCore>();
  readonly mail: Mail[] = [];
  /** `configWanted` epochs by client name, as they came. */
  readonly wanted: string[] = [];
  /** Sessions that clients were told have ended, as they came. */
  readonly expired: { session: number; lost: number[] }[] = [];
  /** Answers to `Lead`, as they came. */
  readonly led: LeadResponse[] = [];
  /** Who leads an epoch, where that is not whom the configuration in force names. */
  readonly leaders = new Map<number, number>();
  /** Answers to `Admit`, as they came. */
  readonly admitted: AdmitResponse[] = [];
  nowUs = 1_000_000;
  readonly #replicaOptions: Omit<ReplicaOptions, 'id' | 'incarnation'>;
  /** Replicas by their lives. */
  readonly #lives = new Map<number, number>();
  config: ClusterConfig;
  readonly #down = new Set<string>();
  readonly #held: [from: string, to: string][] = [];
  readonly #calls = new Map<number, Call>();
  #lastCall = 0;

  constructor(options: StoryOptions = {}) {
    const { replicas = 3, witnesses = 3, fastQuorum = witnesses, clients = 3, broken = {} } = options;
    const { logKeptEntries = 1024, sessionLeaseUs = 60_000_000 } = options;
    const member = (kind: string) => (_: unknown, index: number) => {
      return { id: `${kind}${index}`, index, address: '', incarnation: 100 + index };
    };
    this.config = {
      clusterId: CLUSTER,
      epoch: 0,
      status: EpochStatus.recovering,
      leader: 0,
      replicas: Array.from({ length: replicas }, member('r')),
      witnesses: Array.from({ length: witnesses }, member('w')),
      fastQuorum,
      openSlot: 0,
      natsUrl: '',
      version: 1,
    };
    const common = { clusterId: CLUSTER, shards: 2 };
    const { logEntriesLimit = 262_144, snapshotPartBytes = 1 << 20 } = options;
    const limits = { descriptorLimit: 200, relayAfterUs: 200_000, paceUs: 0, logKeptEntries, logEntriesLimit };
    const rules = { ...replicaRules, ...broken.replica };
    this.#replicaOptions = { ...common, ...limits, snapshotPartBytes, sessionLeaseUs, rules };
    for (const { index, incarnation } of this.config.replicas) this.startReplica(index, incarnation);
    for (const { id, incarnation } of this.config.witnesses) {
      this.witnesses.push(
        new WitnessCore({
          ...common,
          id,
          incarnation,
          staleAfterUs: 300_000,
          rules: { ...witnessRules, ...broken.witness },
        }),
      );
    }
    for (let id = 1; id <= clients; id++) this.#addClient(id, options, { ...sessionRules, ...broken.session });
  }

  /** A replica begins a life with nothing; r3 and so on are no members at first. */
  startReplica(replica: number, incarnation: number): void {
    this.replicas[replica] = new ReplicaCore({ ...this.#replicaOptions, id: `r${replica}`, incarnation });
    this.#lives.set(incarnation, replica);
  }

  // --- What clients do.

  submit(client: number, operation: Operation, session = client): Call {
    const number = ++this.#lastCall;
    const call = createCall();
    this.#calls.set(number, call);
    this.toClient(client, { kind: 'submit', session, call: number, operation, isTraced: false });
    return call;
  }

  /** Asks what became of a write; `settles` ends its session for that. */
  resolve(client: number, id: { session: number; seq: number }, settles = false): Call {
    const number = ++this.#lastCall;
    const call = createCall();
    this.#calls.set(number, call);
    this.toClient(client, { kind: 'resolve', call: number, ...id, settles });
    return call;
  }

  put(client: number, key: string, value: string): Call {
    return this.submit(client, { kind: 'put', strong: true, key: toBytes(key), value: toBytes(value) });
  }

  weakPut(client: number, key: string, value: string): Call {
    return this.submit(client, { kind: 'put', strong: false, key: toBytes(key), value: toBytes(value) });
  }

  remove(client: number, key: string): Call {
    return this.submit(client, { kind: 'delete', strong: true, key: toBytes(key) });
  }

  swap(client: number, key: string, expected: string | null, value: string): Call {
    const wanted = expected === null ? null : toBytes(expected);
    return this.submit(client, {
      kind: 'compareAndSet',
      strong: true,
      key: toBytes(key),
      expected: wanted,
      value: toBytes(value),
    });
  }

  get(client: number, key: string): Call {
    return this.submit(client, { kind: 'get', strong: true, key: toBytes(key) });
  }

  weakGet(client: number, key: string): Call {
    return this.submit(client, { kind: 'get', strong: false, key: toBytes(key) });
  }

  /** Reads everything: a strong scan is always confirmed by the leader. */
  scan(client: number, strong: boolean): Call {
    return this.submit(client, {
      kind: 'scan',
      strong,
      start: NO_BYTES,
      end: NO_BYTES,
      limit: 100,
      byteLimit: 1 << 20,
    });
  }

  /** Makes another replica the closest one. */
  bind(client: number, replica: number): void {
    this.toClient(client, { kind: 'bind', replica });
  }

  /** Keys and values that a replica has applied, as `key=value`. */
  stateOf(replica: number): string[] {
    const state: string[] = [];
    this.replicas[replica]?.forEachKey((key, value) => state.push(`${key}=${value}`));
    return state;
  }

  // --- What the post does. Patterns: a name, `r*`, `w*`, `c*`, `*`, or several with spaces.

  /** Delivers what waits now between two parties, in order; what that causes waits again. Fails if there is nothing. */
  deliver(from: string, to: string, kind?: string): void {
    const chosen = this.#take(from, to, kind);
    if (chosen.length === 0) throw new Error(`nothing to deliver from ${from} to ${to}: ${this.describeMail()}`);
    for (const { deliver } of chosen) deliver();
  }

  /** Throws away what waits now. */
  drop(from: string, to: string, kind?: string): void {
    this.#take(from, to, kind);
  }

  /** A copy of what waits now, to be delivered by calling it: a duplicate, or a message that comes very late. */
  copy(from: string, to: string): () => void {
    const copies = this.mail.filter((one) => matches(one.from, from) && matches(one.to, to));
    if (copies.length === 0) throw new Error(`nothing to copy from ${from} to ${to}: ${this.describeMail()}`);
    return () => {
      for (const { deliver } of copies) deliver();
    };
  }

  /** `settle` passes over these until they are released. */
  hold(from: string, to: string): void {
    this.#held.push([from, to]);
  }

  /** Undoes every `hold`. */
  release(): void {
    this.#held.length = 0;
  }

  /** Delivers everything that is not held, or only what goes between two parties, and what that causes, until all is quiet. */
  settle(sender = '*', receiver = '*'): void {
    const isDue = ({ from, to }: Mail) => {
      if (!matches(from, sender) || !matches(to, receiver)) return false;
      return !this.#held.some(([a, b]) => matches(from, a) && matches(to, b));
    };
    for (let steps = 0; steps < 10_000; steps++) {
      const at = this.mail.findIndex(isDue);
      if (at < 0) return;
      for (const { deliver } of this.mail.splice(at, 1)) deliver();
    }
    throw new Error(`no end of messages: ${this.describeMail()}`);
  }

  /** Lets time pass for everybody who is up. */
  advance(us: number): void {
    this.nowUs += us;
    this.replicas.forEach((_, i) => this.toReplica(i, { kind: 'tick' }));
    this.witnesses.forEach((_, i) => this.toWitness(i, { kind: 'tick' }));
    for (const id of this.clients.keys()) this.toClient(id, { kind: 'tick' });
  }

  /** Ends a process. What it sent before is still on its way; what is sent to it is lost. */
  crash(...names: string[]): void {
    for (const name of names) this.#down.add(name);
  }

  /** Undoes a `crash` that was a partition: the process has all it had. */
  revive(name: string): void {
    this.#down.delete(name);
  }

  isUp(name: string): boolean {
    return !this.#down.has(name);
  }

  /** Lets clients know the configuration in force. */
  tell(...clients: number[]): void {
    for (const id of clients) this.toClient(id, { kind: 'config', config: this.config });
  }

  describeMail(): string {
    return this.mail.map(({ from, to, kind }) => `${from}>${to}:${kind}`).join(' ') || 'no mail';
  }

  // --- Direct inputs. Each is a turn of its own.

  toReplica(index: number, input: ReplicaInput): ReplicaOutput[] {
    const core = this.replicas[index];
    const outputs: ReplicaOutput[] = [];
    if (core === undefined || !this.isUp(`r${index}`)) return outputs;
    core.step(input, this.nowUs, outputs);
    core.step({ kind: 'turnEnd' }, this.nowUs, outputs);
    for (const output of outputs) this.#fromReplica(`r${index}`, output);
    return outputs;
  }

  toWitness(index: number, input: WitnessInput): WitnessOutput[] {
    const core = this.witnesses[index];
    const outputs: WitnessOutput[] = [];
    if (core === undefined || !this.isUp(`w${index}`)) return outputs;
    core.step(input, this.nowUs, outputs);
    core.step({ kind: 'turnEnd' }, this.nowUs, outputs);
    for (const output of outputs) this.#fromWitness(`w${index}`, output);
    return outputs;
  }

  toClient(id: number, input: ClientInput): void {
    const core = this.clients.get(id);
    if (core === undefined || !this.isUp(`c${id}`)) return;
    const outputs: ClientOutput[] = [];
    core.step(input, this.nowUs, outputs);
    core.step({ kind: 'turnEnd' }, this.nowUs, outputs);
    for (const output of outputs) this.#fromClient(`c${id}`, output);
  }

  #addClient(id: number, { bound = 2, writeSetLimit = 1024 }: StoryOptions, rules: SessionRules): void {
    const limits = { ackWaitUs: 20_000, retryUs: 100_000, writeSetLimit };
    this.clients.set(id, new ClientCore({ clusterId: CLUSTER, clientId: id, config: this.config, ...limits, rules }));
    this.replicas.forEach((_, replica) => this.toClient(id, { kind: 'replicaUp', replica }));
    this.witnesses.forEach((_, witness) => this.toClient(id, { kind: 'witnessUp', witness }));
    this.toClient(id, { kind: 'bind', replica: bound });
    this.toClient(id, { kind: 'openSession', session: id, token: null });
  }

  #take(from: string, to: string, kind: string | undefined): Mail[] {
    const isChosen = (one: Mail) => matches(one.from, from) && matches(one.to, to) && (kind ?? one.kind) === one.kind;
    const chosen = this.mail.filter(isChosen);
    this.mail.splice(0, this.mail.length, ...this.mail.filter((one) => !isChosen(one)));
    return chosen;
  }

  #send(from: string, to: string, kind: string, deliver: () => void): void {
    this.mail.push({ from, to, kind, deliver });
  }

  #fromReplica(from: string, output: ReplicaOutput): void {
    const sent = structuredClone(output);
    switch (sent.kind) {
      case 'session':
        return this.#send(from, `c${sent.client}`, sent.kind, () => this.toClient(sent.client, sent));
      case 'acks':
        return this.#send(from, `c${sent.client}`, sent.kind, () => this.toClient(sent.client, sent));
      case 'replicate':
        for (const place of sent.to) {
          const to = this.#lives.get(sent.frame.learner) ?? this.#replicaAt(place);
          this.#send(from, `r${to}`, sent.kind, () => this.toReplica(to, sent));
        }
        return;
      case 'replicated': {
        const to = this.#leaderOf(sent.frame.epoch);
        return this.#send(from, `r${to}`, sent.kind, () => this.toReplica(to, sent));
      }
      case 'collect':
        for (const to of sent.to) this.#send(from, `w${to}`, sent.kind, () => this.toWitness(to, sent));
        return;
      case 'led':
        this.led.push(sent.response);
        return;
      case 'admitted':
        this.admitted.push(sent.response);
        return;
      default:
        return;
    }
  }

  #fromWitness(from: string, output: WitnessOutput): void {
    const sent = structuredClone(output);
    if (sent.kind === 'record') this.#send(from, `c${sent.client}`, sent.kind, () => this.toClient(sent.client, sent));
    if (sent.kind !== 'collected') return;
    const to = this.#leaderOf(sent.frame.epoch);
    this.#send(from, `r${to}`, sent.kind, () => this.toReplica(to, sent));
  }

  #fromClient(from: string, output: ClientOutput): void {
    const sent = structuredClone(output);
    switch (sent.kind) {
      case 'session':
        for (const to of sent.to.map((place) => this.#replicaAt(place))) {
          this.#send(from, `r${to}`, sent.kind, () => this.toReplica(to, sent));
        }
        return;
      case 'record':
        for (const to of sent.to) this.#send(from, `w${to}`, sent.kind, () => this.toWitness(to, sent));
        return;
      case 'configWanted':
        this.wanted.push(`${from}:${sent.epoch}`);
        return;
      case 'sessionExpired':
        this.expired.push({ session: sent.session, lost: sent.lost });
        return;
      default:
        return this.#note(sent);
    }
  }

  #note(sent: Extract<ClientOutput, { call: number }>): void {
    const call = this.#calls.get(sent.call);
    if (call === undefined) return;
    if (sent.kind === 'completed') {
      if (call.answer !== undefined) throw new Error(`call ${sent.call} was answered twice`);
      call.answer = sent.answer;
    } else if (sent.kind === 'refused') call.refused = sent.reason;
    else if (sent.kind === 'numbered') call.numbered = true;
    else if (sent.kind === 'attempt') call.attempts.push(sent.nonce);
    else if (sent.kind === 'failed') call.failed = sent.reason;
    else if (sent.kind === 'resolved') call.resolved = sent.outcome;
    else {
      call.levels.push(sent.level);
      if (sent.level === 'committed') call.committedSlot = sent.slot;
    }
  }

  /** Who has a place of the list in force. */
  #replicaAt(place: number): number {
    return Number(this.config.replicas[place]?.id.slice(1));
  }

  #leaderOf(epoch: number): number {
    return this.leaders.get(epoch) ?? this.config.leader;
  }
}
