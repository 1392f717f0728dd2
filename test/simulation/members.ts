// Which process stands at which place of the list, as one process knows it: frames go to places, streams to processes.

import { type ClusterConfig, isNewerConfig, type ReplicaMember } from '../../protocol/messages.js';

/** Number of the process behind a member's address. */
export function processOf({ address }: Pick<ReplicaMember, 'address'>): number {
  return Number(/\d+/.exec(address)?.[0]);
}

/** The list of replicas of one process. */
export class KnownMembers {
  private config: ClusterConfig | null = null;
  /** Process at each place. */
  private at: readonly number[] = [];

  /** Takes over a newer configuration. Places at which another process stands now; null if it is old news. */
  follow(config: ClusterConfig): number[] | null {
    const known = this.config;
    if (known !== null && !isNewerConfig(config, known)) return null;
    const before = this.at;
    this.config = config;
    this.at = config.replicas.map(processOf);
    return config.replicas.flatMap(({ index }) => (before[index] === this.at[index] ? [] : [index]));
  }

  /** Process at a place; -1 if there is none. */
  processAt(index: number): number {
    return this.at[index] ?? -1;
  }

  /** Place of a process; undefined if it has none. */
  placeOf(process: number): number | undefined {
    const place = this.at.indexOf(process);
    return place < 0 ? undefined : place;
  }

  /** All processes that have a place. */
  get processes(): number[] {
    return [...this.at];
  }
}
