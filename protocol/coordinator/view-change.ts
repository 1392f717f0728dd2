// From an epoch that is written as recovering to what its leader is to be told: fences replicas, names the one with the
// longest log, seals witnesses, reads their pools, puts the replay together. Every step may be repeated, by this or
// another coordinator, and several may take it at once: what must be decided once is decided by the record (D7).

import type {
  ClusterConfig,
  CommandId,
  FenceResponse,
  GetRecoveryDataResponse,
  ReplicaMember,
  SealResponse,
  WitnessMember,
  Write,
} from '../messages.js';
import { EpochStatus } from '../messages.js';
import { createQuorums, type Quorums } from '../quorum.js';
import { RepeatedCalls } from './repeated-calls.js';
import { orderReplay } from './replay.js';
import type { CoordinatorRules } from './rules.js';
import type { CoordinatorOutput, CoordinatorRecord, OpenedLives } from './types.js';

/** An epoch on its way to a leader. */
interface Change {
  /** Status recovering. `leader` led before as long as none is chosen. */
  config: ClusterConfig;
  quorums: Quorums;
  opened: OpenedLives | undefined;
  isLeaderChosen: boolean;
  /** Name of the replica that should lead; undefined if the change began because the leader was taken for lost. */
  preferred: string | undefined;
  sinceUs: number;
}

/** For so many pauses between attempts the choice waits for the replica that is preferred. */
const PREFERENCE_RETRIES = 2;
/** The same for a leader that was of no use: fenced with the others it would have the longest log, and lead again. */
const STALLED_RETRIES = 8;

/** How a view change is driven. */
export interface ViewChangeOptions {
  retryUs: number;
  rules: CoordinatorRules;
  nextAttempt: () => number;
  /** Whether a member is heard, but of no use to the others (stall-watch.ts). */
  isStalled: (member: ReplicaMember) => boolean;
}

/** Drives one epoch at a time; a later one makes it forget the earlier one and ignore its answers. */
export class ViewChange {
  readonly #retryUs: number;
  readonly #rules: CoordinatorRules;
  readonly #calls: RepeatedCalls;
  readonly #isStalled: ViewChangeOptions['isStalled'];
  #change: Change | null = null;
  /** What fenced replicas said of their logs, by index. */
  readonly #logs = new Map<number, FenceResponse>();
  readonly #sealed = new Map<number, 'source' | 'empty'>();
  readonly #pools = new Map<number, Write[]>();
  #choice: number | null = null;
  #replay: Write[] | null = null;
  #isBehind = false;

  constructor(options: ViewChangeOptions) {
    this.#retryUs = options.retryUs;
    this.#rules = options.rules;
    this.#isStalled = options.isStalled;
    this.#calls = new RepeatedCalls(options);
  }

  /** Index of the replica that should lead, once that is clear and until the record says who does; else null. */
  choose(nowUs: number): number | null {
    if (this.#change?.isLeaderChosen !== false) return null;
    this.#maybeChoose(this.#change, nowUs);
    return this.#choice;
  }

  /** What the chosen leader is to append; null until that is known. */
  get replay(): Write[] | null {
    return this.#replay;
  }

  /** True, once, if a node knew of a later epoch than the record that is followed here. */
  takeBehind(): boolean {
    const isBehind = this.#isBehind;
    this.#isBehind = false;
    return isBehind;
  }

  /** Takes over what the record says now. */
  follow({ config, recovery }: CoordinatorRecord, nowUs: number): void {
    const isRecovering = config !== undefined && config.status === EpochStatus.recovering && recovery !== undefined;
    if (!isRecovering || config.epoch !== this.#change?.config.epoch) this.#forget();
    if (!isRecovering) return;
    const { replicas, witnesses, fastQuorum } = config;
    const quorums = createQuorums({ replicas: replicas.length, witnesses: witnesses.length, fastQuorum });
    const sinceUs = this.#change?.sinceUs ?? nowUs;
    this.#change = { config, quorums, sinceUs, ...recovery };
    this.#maybeFinish();
  }

  onFenced(attempt: number, response: FenceResponse, nowUs: number): void {
    const name = this.#settle(attempt, response.epoch, nowUs);
    if (name === null || this.#change === null) return;
    this.#logs.set(indexOf(name), response);
    this.#maybeChoose(this.#change, nowUs);
    this.#maybeFinish();
  }

  onSealed(attempt: number, response: SealResponse, nowUs: number): void {
    const name = this.#settle(attempt, response.epoch, nowUs);
    if (name === null || this.#change?.opened === undefined) return;
    const index = indexOf(name);
    const { epoch, witnesses } = this.#change.opened;
    const judged = this.#rules.judgeSealed(response, witnesses[index] as WitnessMember, epoch);
    if (judged === 'source' || judged === 'empty') {
      this.#sealed.set(index, judged);
      return this.#maybeFinish();
    }
    this.#isBehind ||= judged === 'ahead';
    this.#calls.again(name, nowUs);
  }

  onRecovered(attempt: number, response: GetRecoveryDataResponse, nowUs: number): void {
    const name = this.#calls.settle(attempt);
    if (name === null) return;
    const index = indexOf(name);
    if (response.incarnation !== this.#change?.opened?.witnesses[index]?.incarnation) return this.#unseal(index, nowUs);
    this.#pools.set(index, response.entries);
    this.#maybeFinish();
  }

  /** An attempt failed or was refused. */
  onFailed(attempt: number, nowUs: number): void {
    const name = this.#calls.fail(attempt, nowUs);
    if (name?.startsWith('read')) this.#unseal(indexOf(name), nowUs);
  }

  /** Makes the calls that are due. */
  drive(nowUs: number, outputs: CoordinatorOutput[]): void {
    const change = this.#change;
    if (change === null || this.#replay !== null) return;
    const isFenced = change.isLeaderChosen || this.#choice !== null;
    if (!isFenced) this.#fence(change, nowUs, outputs);
    else if (this.#lacksLog(change)) this.#callFence(change, change.config.leader, nowUs, outputs);
    if (!isFenced || change.opened === undefined) return;
    for (const member of change.opened.witnesses) this.#seal(change, member, nowUs, outputs);
    for (const member of this.#readable(change, change.opened)) this.#read(change, member, nowUs, outputs);
  }

  /** What a change that takes this long waits for, in words; null if there is none. */
  describeWait(nowUs: number, patienceUs: number): string | null {
    const change = this.#change;
    if (change === null || this.#replay !== null || nowUs - change.sinceUs < patienceUs) return null;
    const { config, quorums } = change;
    if (!change.isLeaderChosen && this.#choice === null) {
      return `epoch ${config.epoch} waits for replicas: ${this.#logs.size} of the ${quorums.majority} needed are fenced`;
    }
    if (this.#lacksLog(change))
      return `epoch ${config.epoch} waits for its leader ${config.replicas[config.leader]?.id}`;
    return `epoch ${config.epoch} waits for witnesses of epoch ${change.opened?.epoch}: ${this.#sealed.size} of the ${quorums.recovery} needed are sealed`;
  }

  #fence(change: Change, nowUs: number, outputs: CoordinatorOutput[]): void {
    const retries = (nowUs - change.sinceUs) / this.#retryUs;
    for (const member of change.config.replicas) {
      const isLate = retries >= (this.#isStalled(member) ? STALLED_RETRIES : 1);
      if (isLate || this.#isAskedAtOnce(change, member.index)) this.#callFence(change, member.index, nowUs, outputs);
    }
  }

  /**
   * Whoever led before and is taken for lost is asked last: with its log it would only lead again. In a change that was
   * planned it is asked at once; if another one is to lead, before the others, who then get what it had sent: under load
   * their logs would end here and there otherwise, and the longest need not be that of the one preferred.
   */
  #isAskedAtOnce({ config, preferred }: Change, index: number): boolean {
    if (preferred === undefined) return index !== config.leader;
    const isLeaderPreferred = config.replicas[config.leader]?.id === preferred;
    return isLeaderPreferred || index === config.leader || this.#logs.has(config.leader);
  }

  #callFence({ config, quorums }: Change, index: number, nowUs: number, outputs: CoordinatorOutput[]): void {
    const member = config.replicas[index];
    const attempt = this.#calls.begin(`fence ${index}`, nowUs);
    if (member === undefined || attempt === null) return;
    const { address, incarnation } = member;
    const { clusterId, epoch } = config;
    const request = { clusterId, epoch, incarnation, wantsLastWrites: !quorums.unanimous };
    outputs.push({ kind: 'fence', attempt, address, request });
  }

  /** True while a merged replay cannot be made for want of what the chosen log holds. */
  #lacksLog({ config, quorums, isLeaderChosen }: Change): boolean {
    return isLeaderChosen && !quorums.unanimous && !this.#logs.has(config.leader);
  }

  #seal({ config }: Change, { index, address }: WitnessMember, nowUs: number, outputs: CoordinatorOutput[]): void {
    const attempt = this.#calls.begin(`seal ${index}`, nowUs);
    if (attempt === null) return;
    const request = { clusterId: config.clusterId, epoch: config.epoch };
    outputs.push({ kind: 'seal', attempt, address, request });
  }

  #read({ config }: Change, { index, address }: WitnessMember, nowUs: number, outputs: CoordinatorOutput[]): void {
    const attempt = this.#calls.begin(`read ${index}`, nowUs);
    if (attempt === null) return;
    const request = { clusterId: config.clusterId, epoch: config.epoch };
    outputs.push({ kind: 'recoveryData', attempt, address, request });
  }

  /** Witnesses whose pools are wanted: with q = m one, the first that was sealed. */
  #readable({ quorums }: Change, { witnesses }: OpenedLives): WitnessMember[] {
    const isReadable = ({ index }: WitnessMember): boolean => {
      return this.#sealed.get(index) !== 'empty' && this.#rules.mayReadPool(this.#sealed.has(index));
    };
    const [first] = this.#sealed.keys();
    if (quorums.unanimous && first !== undefined)
      return witnesses.filter(({ index }) => index === first).filter(isReadable);
    return witnesses.filter(isReadable);
  }

  #unseal(index: number, nowUs: number): void {
    this.#sealed.delete(index);
    this.#calls.again(`seal ${index}`, nowUs);
    this.#calls.again(`read ${index}`, nowUs);
  }

  #settle(attempt: number, epoch: number, nowUs: number): string | null {
    const name = this.#calls.settle(attempt);
    if (name === null || this.#change === null) return null;
    if (epoch === this.#change.config.epoch) return name;
    // Another life, whose promise is worth nothing, or a later epoch, of which the record tells more.
    this.#isBehind ||= epoch > this.#change.config.epoch;
    this.#calls.again(name, nowUs);
    return null;
  }

  #maybeChoose(change: Change, nowUs: number): void {
    const { config, quorums, preferred, sinceUs } = change;
    if (this.#choice !== null || change.isLeaderChosen || !this.#rules.isFenced(this.#logs.size, quorums)) return;
    const member = config.replicas.find(({ id }) => id === preferred);
    const log = member && this.#logs.get(member.index);
    if (member !== undefined && log !== undefined && this.#rules.mayLead(log, [...this.#logs.values()], quorums)) {
      this.#choice = member.index;
      return;
    }
    const isLate = nowUs - sinceUs >= PREFERENCE_RETRIES * this.#retryUs;
    if (member !== undefined && this.#logs.size < config.replicas.length && !isLate) return;
    for (const [index, other] of this.#logs) {
      const best = this.#choice === null ? undefined : this.#logs.get(this.#choice);
      if (best === undefined || this.#rules.isLongerLog(other, best)) this.#choice = index;
    }
  }

  #maybeFinish(): void {
    const change = this.#change;
    if (change === null || this.#replay !== null || !change.isLeaderChosen || this.#lacksLog(change)) return;
    const { config, quorums, opened } = change;
    if (opened !== undefined && !this.#rules.isSealed(this.#sealed.size, quorums)) return;
    const sealed = [...this.#sealed.keys()].slice(0, quorums.unanimous ? 1 : undefined);
    const pools: Write[][] = [];
    for (const index of sealed) {
      const pool = this.#sealed.get(index) === 'empty' ? [] : this.#pools.get(index);
      if (pool === undefined) return;
      pools.push(pool);
    }
    const lastWrites = createLookup(this.#logs.get(config.leader)?.lastWrites ?? []);
    const { pickNext, followsOn } = this.#rules;
    const orderedThrough = (session: number): number => lastWrites.get(session) ?? 0;
    this.#replay = orderReplay({ pools, quorums, pickNext, followsOn, orderedThrough });
  }

  #forget(): void {
    this.#change = null;
    this.#calls.clear();
    this.#logs.clear();
    this.#sealed.clear();
    this.#pools.clear();
    this.#choice = null;
    this.#replay = null;
    this.#isBehind = false;
  }
}

/** The index at the end of a call's name. */
function indexOf(name: string): number {
  return Number(name.slice(name.indexOf(' ') + 1));
}

function createLookup(lastWrites: readonly CommandId[]): Map<number, number> {
  return new Map(lastWrites.map(({ session, seq }) => [session, seq]));
}
