// The last steps into an epoch: from all being recovered that was before it to an epoch that serves. Names the lives that
// are to start, opens once enough of them have, and names others where too many are gone (D12). Makes no calls.

import type { ClusterConfig, WitnessMember } from '../messages.js';
import { createQuorums, type Quorums } from '../quorum.js';
import type { PlannedChanges } from './planned-changes.js';
import { createOpenEpoch, createStartingEpoch, isStarting, type RecordedEpoch } from './record.js';
import type { NodeRegistry, RegisteredNode } from './registry.js';
import type { CoordinatorRules } from './rules.js';
import { NodeRole } from './types.js';

/** How openings are decided. */
export interface OpeningOptions {
  registry: NodeRegistry;
  planned: PlannedChanges;
  rules: CoordinatorRules;
  /** A list stands at least so long before other lives are named. */
  retryUs: number;
}

/** The opening of one epoch at a time. */
export class Opening {
  readonly #options: OpeningOptions;
  #list = { epoch: 0, version: 0, sinceUs: 0 };
  #sinceUs = 0;

  constructor(options: OpeningOptions) {
    this.#options = options;
  }

  /** Takes over what the record says now. */
  follow(config: ClusterConfig, nowUs: number): void {
    const { epoch, version } = config;
    if (!isStarting(config) || (epoch === this.#list.epoch && version === this.#list.version)) return;
    if (epoch !== this.#list.epoch) this.#sinceUs = nowUs;
    this.#list = { epoch, version, sinceUs: nowUs };
  }

  /** The step after all is recovered: the lives that are registered now are named. */
  begin(recovering: ClusterConfig, openSlot: number, nowUs: number): RecordedEpoch {
    return createStartingEpoch(recovering, openSlot, this.#options.planned.witnessesNow(recovering, nowUs));
  }

  /**
   * What follows on an epoch whose witnesses are starting. Until it opens nobody was told, so nothing is recorded and the
   * list may change: whichever write to the record comes first decides which lives it opens with.
   */
  next(starting: ClusterConfig, started: readonly WitnessMember[], nowUs: number): RecordedEpoch {
    const quorums = quorumsOf(starting);
    const here = { config: starting, recovery: undefined };
    if (this.#options.rules.mayOpen(this.#count(started), quorums)) return createOpenEpoch(starting);
    const { planned, retryUs } = this.#options;
    const hasStarted = new Set(started.map(({ incarnation }) => incarnation));
    const hopeful = starting.witnesses.filter(
      (member) => hasStarted.has(member.incarnation) || this.#isLive(member, nowUs),
    );
    if (this.#count(hopeful) >= quorums.recovery || nowUs - this.#list.sinceUs < retryUs) return here;
    const witnesses = planned.witnessesNow(starting, nowUs);
    const isBetter = witnesses.some((member, at) => member !== starting.witnesses[at] && this.#isLive(member, nowUs));
    return isBetter ? { ...here, config: { ...starting, version: starting.version + 1, witnesses } } : here;
  }

  /** What an opening that takes this long waits for, in words; null if there is none. */
  describeWait(
    config: ClusterConfig,
    started: readonly WitnessMember[],
    time: { nowUs: number; patienceUs: number },
  ): string | null {
    if (!isStarting(config) || time.nowUs - this.#sinceUs < time.patienceUs) return null;
    return `epoch ${config.epoch} waits for witnesses to start: ${this.#count(started)} of the ${quorumsOf(config).recovery} needed have`;
  }

  /** Members whose life is not known to be over. */
  #count(members: readonly WitnessMember[]): number {
    return members.filter((member) => this.#find(member) !== undefined).length;
  }

  #isLive(member: WitnessMember, nowUs: number): boolean {
    const node = this.#find(member);
    return node !== undefined && this.#options.registry.isLive(node, nowUs);
  }

  /** What is known of a member's life; undefined once another one registered under its name. */
  #find({ id, incarnation }: WitnessMember): RegisteredNode | undefined {
    const node = this.#options.registry.find(NodeRole.witness, id);
    return node?.incarnation === incarnation ? node : undefined;
  }
}

function quorumsOf({ replicas, witnesses, fastQuorum }: ClusterConfig): Quorums {
  return createQuorums({ replicas: replicas.length, witnesses: witnesses.length, fastQuorum });
}
