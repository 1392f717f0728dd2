// Which process stands at which place of the list, as one process knows it: frames go to places, streams to processes.

import { type ClusterConfig, isNewerConfig, type ReplicaMember } from '../../protocol/messages.js';

/** Number of the process behind a member's address. */
export function processOf({ address }: Pick<ReplicaMember, 'address'>): number {
  return Number(/\d+/.exec(address)?.[0]);
}

/** The list of replicas of one process. */
export class KnownMembers {
  private config: ClusterConfig | null = null;

  /** Takes over a newer configuration. Places at which another process stands now; null if it is old news. */
  follow(config: ClusterConfig): number[] | null {
    const known = this.config;
    if (known !== null && !isNewerConfig(config, known)) return null;
    this.config = config;
    return config.replicas.flatMap((member) => {
      const former = known?.replicas[member.index];
      return former !== undefined && processOf(former) === processOf(member) ? [] : [member.index];
    });
  }

  /** Process at a place; -1 if there is none. */
  processAt(index: number): number {
    const member = this.config?.replicas[index];
    return member === undefined ? -1 : processOf(member);
  }

  /** Place of a process; undefined if it has none. */
  placeOf(process: number): number | undefined {
    return this.config?.replicas.find((member) => processOf(member) === process)?.index;
  }

  /** All processes that have a place. */
  get processes(): number[] {
    return this.config?.replicas.map(processOf) ?? [];
  }
}
