// Members that came back at another address. A node that kept its memory is still the life that the record names, so it
// stays a member; only where it is reached has to be written anew. Knows what nodes said to this coordinator, not when
// the record may be written.

import type { ClusterConfig, WitnessMember } from '../messages.js';
import type { RecordedEpoch } from './record.js';
import type { CoordinatorRecord, SeenNode } from './types.js';
import { NodeRole } from './types.js';

/** Addresses that members named when they registered and that the record does not have yet. */
export class MovedMembers {
  /** By role, name and incarnation; of lives that the record names, so there are never more than members. */
  readonly #addresses = new Map<string, string>();

  /**
   * A node registered with this coordinator. What others pass on does not count: a word under way since before the move
   * would put the old address back.
   */
  note(node: SeenNode, known: CoordinatorRecord): void {
    const key = keyOf(node.role, node);
    const addresses = addressesOf(known, key);
    if (addresses.some((address) => address !== node.address)) this.#addresses.set(key, node.address);
    else this.#addresses.delete(key);
  }

  /** Forgets who has its address in the record, or no place in it any more. */
  follow(known: CoordinatorRecord): void {
    for (const [key, address] of this.#addresses) {
      if (addressesOf(known, key).every((recorded) => recorded === address)) this.#addresses.delete(key);
    }
  }

  /** Whether a life is about to get another address in the record. */
  has(node: SeenNode): boolean {
    return this.#addresses.has(keyOf(node.role, node));
  }

  /**
   * The epoch with everybody where they are now; null if nobody moved. It is another version of the list, because whoever
   * has the former one would not look at it otherwise; the lives in it, and with them every majority, are the same (D10).
   */
  moved(config: ClusterConfig, { recovery }: CoordinatorRecord): RecordedEpoch | null {
    if (this.#addresses.size === 0) return null;
    const replicas = this.#locate(NodeRole.replica, config.replicas);
    const witnesses = this.#locate(NodeRole.witness, config.witnesses);
    const opened = recovery?.opened && {
      ...recovery.opened,
      witnesses: this.#locate(NodeRole.witness, recovery.opened.witnesses),
    };
    const next = { ...config, version: config.version + 1, replicas, witnesses };
    return { config: next, recovery: recovery && { ...recovery, opened } };
  }

  #locate(role: number, members: readonly WitnessMember[]): WitnessMember[] {
    return members.map((member) => {
      const address = this.#addresses.get(keyOf(role, member)) ?? member.address;
      return { ...member, address };
    });
  }
}

function keyOf(role: number, { id, incarnation }: { id: string; incarnation: number }): string {
  return `${role}/${id}/${incarnation}`;
}

/** Where a record looks for a life; nowhere, once, or in two lists. */
function addressesOf({ config, recovery }: CoordinatorRecord, key: string): string[] {
  const replicas = config?.replicas ?? [];
  const witnesses = [...(config?.witnesses ?? []), ...(recovery?.opened?.witnesses ?? [])];
  return [
    ...replicas.filter((member) => keyOf(NodeRole.replica, member) === key),
    ...witnesses.filter((member) => keyOf(NodeRole.witness, member) === key),
  ].map(({ address }) => address);
}
