// Calls of operators who want another replica to lead. One target at a time; a call is answered when the epoch has begun
// that its target may lead, or refused when it cannot begin any more. Writes nothing itself.

import type { ClusterConfig } from '../messages.js';
import { EpochStatus } from '../messages.js';
import { majorityOf } from './survey.js';
import type { CoordinatorOutput, CoordinatorRecord, CoordinatorRefusal } from './types.js';

interface Wish {
  replicaId: string;
  /** The epoch that was open when it was asked for. */
  epoch: number;
  calls: number[];
}

/** Most calls that wait for one transfer. */
const CALLS_LIMIT = 64;

/** The transfer that is asked for, if any. */
export class LeaderTransfers {
  #wish: Wish | null = null;

  /** Name of the replica that should lead the next epoch; undefined if nobody asked. */
  get preferred(): string | undefined {
    return this.#wish?.replicaId;
  }

  /** A call. `live` holds the indexes of the replicas that are heard. */
  onCall(
    asked: { call: number; replicaId: string },
    config: ClusterConfig | undefined,
    live: readonly number[],
    outputs: CoordinatorOutput[],
  ): void {
    const { call, replicaId } = asked;
    if (config?.replicas[config.leader]?.id === replicaId && config.status === EpochStatus.open) {
      outputs.push({ kind: 'leaderTransferred', call, response: { epoch: config.epoch } });
      return;
    }
    const [refusal, detail] = this.#ignore(replicaId, config, live) ?? [null, ''];
    if (refusal !== null || config === undefined) {
      outputs.push({ kind: 'callRefused', call, refusal: refusal ?? 'notReady', detail });
      return;
    }
    this.#wish ??= { replicaId, epoch: config.epoch, calls: [] };
    this.#wish.calls.push(call);
  }

  /** Answers the calls whose epoch began, and refuses them if it cannot begin any more. To be called at every step. */
  settle({ config, recovery }: CoordinatorRecord, live: readonly number[], outputs: CoordinatorOutput[]): void {
    const wish = this.#wish;
    if (wish === null || config === undefined) return;
    const { replicaId, epoch, calls } = wish;
    const hasBegun = config.epoch > epoch;
    const problem = hasBegun ? null : describeProblem(replicaId, config, live);
    if (!hasBegun && problem === null) return;
    this.#wish = null;
    const isWanted = recovery?.preferred === replicaId || config.replicas[config.leader]?.id === replicaId;
    const detail = problem ?? `epoch ${config.epoch} began for another reason; ask again when it is open`;
    for (const call of calls) {
      if (hasBegun && isWanted) outputs.push({ kind: 'leaderTransferred', call, response: { epoch: config.epoch } });
      else outputs.push({ kind: 'callRefused', call, refusal: hasBegun ? 'notReady' : 'notLeadable', detail });
    }
  }

  #ignore(
    replicaId: string,
    config: ClusterConfig | undefined,
    live: readonly number[],
  ): [CoordinatorRefusal, string] | null {
    if (config === undefined) return ['notReady', 'the cluster has no epoch yet'];
    const problem = describeProblem(replicaId, config, live);
    if (problem !== null) return ['notLeadable', problem];
    if (config.status !== EpochStatus.open) return ['notReady', `epoch ${config.epoch} is not open yet`];
    if (this.#wish === null) return null;
    if (this.#wish.replicaId !== replicaId) return ['notReady', `${this.#wish.replicaId} is about to lead`];
    return this.#wish.calls.length < CALLS_LIMIT ? null : ['full', 'too many calls wait for this transfer'];
  }
}

/** Why a replica cannot be made the leader now, or null. */
function describeProblem(replicaId: string, config: ClusterConfig, live: readonly number[]): string | null {
  const member = config.replicas.find(({ id }) => id === replicaId);
  if (member === undefined) {
    return `${replicaId} is not among the replicas ${config.replicas.map(({ id }) => id).join(', ')}`;
  }
  if (!live.includes(member.index)) return `${replicaId} is not heard in the life that is a member`;
  const needed = majorityOf(config);
  return live.length >= needed ? null : `only ${live.length} of the ${needed} replicas needed are heard`;
}
