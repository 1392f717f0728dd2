// Which replica is to take the place of a member that is gone, and when the record may say so. The leader of the open
// epoch brings it up to date first; then the list changes by compare-and-set within the epoch, one member at a time (P7,
// D10). Nothing here is durable: another coordinator, or this one later, begins anew and loses time only.

import type { AdmitResponse, ClusterConfig, ReplicaMember } from '../messages.js';
import { EpochStatus } from '../messages.js';
import type { NodeRegistry, RegisteredNode } from './registry.js';
import { RepeatedCalls } from './repeated-calls.js';
import type { CoordinatorRules } from './rules.js';
import type { CoordinatorOutput } from './types.js';
import { NodeRole } from './types.js';

/** Part of the liveness time that one step may count as absence, whatever the clock says. */
const STEP_SHARE = 8;
const CALL = 'admit';

/** How admissions are driven. */
export interface AdmissionOptions {
  registry: NodeRegistry;
  livenessUs: number;
  retryUs: number;
  /** Absence of a member after which a spare takes its place. */
  replaceAfterUs: number;
  nextAttempt: () => number;
  rules: CoordinatorRules;
}

/** The admission under way. */
interface Joining {
  /** The list that it is to be written into; another one and everything begins anew. */
  epoch: number;
  version: number;
  member: ReplicaMember;
  isReady: boolean;
}

/** Drives one admission at a time. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #calls: RepeatedCalls;
  /** How long each member of the present list was not heard, by incarnation. */
  readonly #absentUs = new Map<number, number>();
  /** The list that these are of. */
  #watched: readonly ReplicaMember[] = [];
  #joining: Joining | null = null;
  #steppedUs = 0;
  #anewUs = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#calls = new RepeatedCalls(options);
  }

  /** The list with the member exchanged, once the leader has said that it may be written; else null. */
  exchanged(config: ClusterConfig): ClusterConfig | null {
    const joining = this.#joining;
    if (joining === null || !joining.isReady || !isOf(joining, config)) return null;
    const { member } = joining;
    const replicas = config.replicas.map((present) => (present.index === member.index ? member : present));
    return { ...config, version: config.version + 1, replicas };
  }

  /** The leader answered. Slot 0, or another epoch: it cannot, or does not know the list yet; it is asked again. */
  onAdmitted(attempt: number, answer: AdmitResponse, nowUs: number): void {
    if (this.#calls.settle(attempt) === null || this.#joining === null) return;
    if (answer.epoch === this.#joining.epoch && this.#options.rules.hasCaughtUp(answer)) this.#joining.isReady = true;
    else this.#calls.again(CALL, nowUs);
  }

  onFailed(attempt: number, nowUs: number): void {
    this.#calls.fail(attempt, nowUs);
  }

  /** Chooses who is to join, if anybody, and makes the call that is due. */
  drive(config: ClusterConfig, nowUs: number, outputs: CoordinatorOutput[]): void {
    this.#watch(config, nowUs);
    if (this.#joining !== null && !this.#isWanted(this.#joining, config, nowUs)) this.#forget();
    if (config.status !== EpochStatus.open) return;
    const leader = config.replicas[config.leader];
    if (leader === undefined || !this.#isHere(leader, nowUs)) return;
    this.#joining ??= this.#choose(config, nowUs);
    const joining = this.#joining;
    const attempt = joining === null || joining.isReady ? null : this.#calls.begin(CALL, nowUs);
    if (joining === null || attempt === null) return;
    const { epoch, version, member } = joining;
    const request = { clusterId: config.clusterId, epoch, version, member };
    outputs.push({ kind: 'admit', attempt, address: leader.address, request });
  }

  /** Counts absence. Time in which this coordinator itself did not run, or was deaf, is not held against anybody. */
  #watch({ replicas }: ClusterConfig, nowUs: number): void {
    const elapsedUs = Math.min(nowUs - this.#steppedUs, this.#options.livenessUs / STEP_SHARE);
    this.#steppedUs = nowUs;
    const { anewUs } = this.#options.registry.hearing;
    if (anewUs !== this.#anewUs) this.#absentUs.clear();
    this.#anewUs = anewUs;
    if (replicas !== this.#watched) this.#forgetStrangers(replicas);
    for (const member of replicas) {
      const before = this.#absentUs.get(member.incarnation);
      const absentUs = this.#isHere(member, nowUs) ? 0 : (before ?? 0) + elapsedUs;
      if (absentUs !== before) this.#absentUs.set(member.incarnation, absentUs);
    }
  }

  #forgetStrangers(replicas: readonly ReplicaMember[]): void {
    this.#watched = replicas;
    for (const incarnation of this.#absentUs.keys()) {
      if (!replicas.some((member) => member.incarnation === incarnation)) this.#absentUs.delete(incarnation);
    }
  }

  /** Still to be written into this list, still there, and the member whose place it takes is still gone. */
  #isWanted(joining: Joining, config: ClusterConfig, nowUs: number): boolean {
    const { member } = joining;
    const present = config.replicas[member.index];
    return (
      isOf(joining, config) && present !== undefined && this.#isHere(member, nowUs) && !this.#isHere(present, nowUs)
    );
  }

  /** Another life of a member's name is taken at once, a spare only for a member that is gone for long. */
  #choose(config: ClusterConfig, nowUs: number): Joining | null {
    const { registry, replaceAfterUs } = this.#options;
    const { epoch, version, leader } = config;
    for (const present of config.replicas) {
      const node = present.index === leader ? undefined : registry.find(NodeRole.replica, present.id);
      if (node === undefined || node.incarnation === present.incarnation || !registry.isLive(node, nowUs)) continue;
      return { epoch, version, member: createMember(node, present.index), isReady: false };
    }
    const gone = config.replicas.find(
      ({ index, incarnation }) => index !== leader && (this.#absentUs.get(incarnation) ?? 0) > replaceAfterUs,
    );
    if (gone === undefined) return null;
    const names = new Set(config.replicas.map(({ id }) => id));
    const spare = registry.live(NodeRole.replica, nowUs).find(({ id }) => !names.has(id));
    return spare === undefined ? null : { epoch, version, member: createMember(spare, gone.index), isReady: false };
  }

  #isHere({ id, incarnation }: ReplicaMember, nowUs: number): boolean {
    const { registry } = this.#options;
    const node = registry.find(NodeRole.replica, id);
    return node?.incarnation === incarnation && registry.isLive(node, nowUs);
  }

  #forget(): void {
    this.#joining = null;
    this.#calls.clear();
  }
}

function isOf({ epoch, version }: Joining, config: ClusterConfig): boolean {
  return epoch === config.epoch && version === config.version;
}

function createMember({ id, address, incarnation }: RegisteredNode, index: number): ReplicaMember {
  return { id, index, address, incarnation };
}
