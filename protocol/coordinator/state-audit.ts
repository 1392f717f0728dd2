// Compares what replicas say of their states: equal slot, equal hash. Where they differ, says who has to stop. Knows
// nothing of how a hash is made, nor of what a replica does when it is told.

import type { ReplicaMember } from '../messages.js';

/** Slots of one life that are kept for comparison. */
const KEPT_SLOTS = 16;

/** A life whose state is not what others have. */
export interface DifferingState {
  nodeId: string;
  incarnation: number;
  /** For people: slot and hashes. */
  detail: string;
}

interface Life {
  incarnation: number;
  /** Hash by slot, oldest first. */
  hashes: Map<number, number>;
}

interface Difference {
  slot: number;
  sinceUs: number;
}

/** The states of the replicas as one coordinator hears of them. */
export class StateAudit {
  readonly #patienceUs: number;
  readonly #lives = new Map<string, Life>();
  readonly #stopped = new Map<string, DifferingState>();
  #difference: Difference | null = null;
  /** Members that were found to agree, until somebody says something new; null while there is nothing found. */
  #agreed: readonly ReplicaMember[] | null = null;

  /** Of two states that differ, the third is waited for this long before the leader's counts. */
  constructor(patienceUs: number) {
    this.#patienceUs = patienceUs;
  }

  /** A replica said what its state is; a slot of 0 says nothing. */
  note(nodeId: string, incarnation: number, { slot, hash }: { slot: number; hash: number }): void {
    let life = this.#lives.get(nodeId);
    if (life?.incarnation !== incarnation) {
      life = { incarnation, hashes: new Map() };
      this.#lives.set(nodeId, life);
      this.#agreed = null;
    }
    if (slot === 0 || life.hashes.has(slot)) return;
    this.#agreed = null;
    life.hashes.set(slot, hash);
    const [oldest] = life.hashes.keys();
    if (life.hashes.size > KEPT_SLOTS && oldest !== undefined) life.hashes.delete(oldest);
  }

  /** Why this life has to stop; empty if it need not. */
  reasonToStop(nodeId: string, incarnation: number): string {
    const stopped = this.#stopped.get(nodeId);
    return stopped?.incarnation === incarnation ? stopped.detail : '';
  }

  /** Who is found to differ now and was not before. To be called at every step. */
  judge(replicas: readonly ReplicaMember[], leader: number, nowUs: number): DifferingState[] {
    if (replicas === this.#agreed) return [];
    const members = replicas.filter(({ id, incarnation }) => this.reasonToStop(id, incarnation) === '');
    const slot = this.#findDifference(members);
    if (slot === null) {
      this.#difference = null;
      this.#agreed = replicas;
      return [];
    }
    if (this.#difference?.slot !== slot) this.#difference = { slot, sinceUs: nowUs };
    const isLate = nowUs - this.#difference.sinceUs >= this.#patienceUs;
    const wrong = findWrong(this.#hashesAt(slot, members), replicas[leader]?.id ?? '', isLate);
    for (const differing of wrong) this.#stopped.set(differing.nodeId, differing);
    return wrong;
  }

  /** The latest slot for which members gave different hashes. */
  #findDifference(members: readonly ReplicaMember[]): number | null {
    const seen = new Map<number, number>();
    let found: number | null = null;
    for (const { id, incarnation } of members) {
      const life = this.#lives.get(id);
      if (life?.incarnation !== incarnation) continue;
      for (const [slot, hash] of life.hashes) {
        const other = seen.get(slot);
        if (other === undefined) seen.set(slot, hash);
        else if (other !== hash && slot > (found ?? 0)) found = slot;
      }
    }
    return found;
  }

  #hashesAt(slot: number, members: readonly ReplicaMember[]): Hash[] {
    return members.flatMap(({ id, incarnation }) => {
      const life = this.#lives.get(id);
      const hash = life?.incarnation === incarnation ? life.hashes.get(slot) : undefined;
      return hash === undefined ? [] : [{ nodeId: id, incarnation, slot, hash }];
    });
  }
}

interface Hash {
  nodeId: string;
  incarnation: number;
  slot: number;
  hash: number;
}

/** With three or more known, whoever has not what most have; else, once it is late, whoever has not what the leader has. */
function findWrong(hashes: readonly Hash[], leader: string, isLate: boolean): DifferingState[] {
  const most = hashes.find(({ hash }) => 2 * hashes.filter((other) => other.hash === hash).length > hashes.length);
  const measure =
    (hashes.length > 2 ? most : undefined) ?? (isLate ? hashes.find(({ nodeId }) => nodeId === leader) : undefined);
  if (measure === undefined) return [];
  const all = hashes.map(({ nodeId, hash }) => `${nodeId} ${hash.toString(16)}`).join(', ');
  return hashes
    .filter(({ hash }) => hash !== measure.hash)
    .map(({ nodeId, incarnation, slot }) => {
      const detail = `the state of ${nodeId} at slot ${slot} differs from that of ${measure.nodeId}: ${all}`;
      return { nodeId, incarnation, detail };
    });
}
