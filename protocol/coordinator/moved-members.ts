// Members that came back at another address. A node that kept its memory is still the life that the record names, so it
// stays a member; only where it is reached has to be written anew. Knows what nodes said to this coordinator, not when
// the record may be written.

import type { ClusterConfig, WitnessMember } from '../messages.js';
import type { RecordedEpoch } from './record.js';
import type { CoordinatorRecord, SeenNode } from './types.js';

/** Addresses that members named when they registered and that the record does not have yet. */
export class MovedMembers {
  /** By incarnation; of lives that the record names, so there are never more than members. */
  readonly #addresses = new Map<number, string>();

  /**
   * A node registered with this coordinator. What others pass on does not count: a word under way since before the move
   * would put the old address back.
   */
  note({ incarnation, address }: SeenNode, known: CoordinatorRecord): void {
    const named = membersOf(known).filter((member) => member.incarnation === incarnation);
    if (named.some((member) => member.address !== address)) this.#addresses.set(incarnation, address);
    else this.#addresses.delete(incarnation);
  }

  /** Forgets who has its address in the record, or no place in it any more. */
  follow(known: CoordinatorRecord): void {
    const members = membersOf(known);
    for (const [incarnation, address] of this.#addresses) {
      const named = members.filter((member) => member.incarnation === incarnation);
      if (named.every((member) => member.address === address)) this.#addresses.delete(incarnation);
    }
  }

  /** Whether a life is about to get another address in the record. */
  has(incarnation: number): boolean {
    return this.#addresses.has(incarnation);
  }

  /**
   * The epoch with everybody where they are now; null if nobody moved. It is another version of the list, because whoever
   * has the former one would not look at it otherwise; the lives in it, and with them every majority, are the same (D10).
   */
  moved(config: ClusterConfig, { recovery }: CoordinatorRecord): RecordedEpoch | null {
    if (this.#addresses.size === 0) return null;
    const replicas = this.#locate(config.replicas);
    const witnesses = this.#locate(config.witnesses);
    const opened = recovery?.opened && { ...recovery.opened, witnesses: this.#locate(recovery.opened.witnesses) };
    const next = { ...config, version: config.version + 1, replicas, witnesses };
    return { config: next, recovery: recovery && { ...recovery, opened } };
  }

  #locate(members: readonly WitnessMember[]): WitnessMember[] {
    return members.map((member) => ({
      ...member,
      address: this.#addresses.get(member.incarnation) ?? member.address,
    }));
  }
}

function membersOf({ config, recovery }: CoordinatorRecord): WitnessMember[] {
  return [...(config?.replicas ?? []), ...(config?.witnesses ?? []), ...(recovery?.opened?.witnesses ?? [])];
}
