// What nodes know that a record may have lost. The bucket can be put back to an older snapshot while no coordinator runs;
// then only the nodes still know which epochs began and which session ids went out (D9, F8). Collects what they say
// since this coordinator started; knows nothing of records or of time.

import type { ClusterConfig } from '../messages.js';
import { EpochStatus } from '../messages.js';
import { majorityOfCount } from '../quorum.js';
import type { NodeReport, SeenNode } from './types.js';
import { NodeRole } from './types.js';

interface Said {
  incarnation: number;
  sessionFloor: number;
}

/** What was heard of nodes by one coordinator in its life. */
export class Survey {
  /** The last life heard of each replica, by name. */
  readonly #replicas = new Map<string, Said>();
  #epoch = 0;
  #sessionFloor = 0;
  #config: ClusterConfig | undefined;
  /** Latest open configuration that any node spoke of, though it may not have sent it. */
  #open = { epoch: 0, version: 0 };

  /** Highest epoch that any node spoke of; 0 if none did. No epoch up to here may begin anew. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Highest session floor that any node was ever told; 0 if none was. */
  get sessionFloor(): number {
    return this.#sessionFloor;
  }

  /** A node said how it is. */
  note({ role, id, incarnation }: SeenNode, report: NodeReport): void {
    const { epoch, sessionFloor, config, openEpoch, openVersion } = report;
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#sessionFloor = Math.max(this.#sessionFloor, sessionFloor);
    // Without an epoch it says nothing: it has had none, or has not yet found what it kept.
    if (role === NodeRole.replica && epoch > 0) this.#noteReplica(id, { incarnation, sessionFloor });
    const open = { epoch: openEpoch, version: openVersion };
    if (isLater(open, this.#open)) this.#open = open;
    if (config?.status === EpochStatus.open && isLater(config, this.#config ?? NONE)) this.#config = config;
  }

  /** True if some node speaks of a later epoch than the configuration's, or of the same one further on. */
  knowsMoreThan(config: ClusterConfig | undefined): boolean {
    if (this.#epoch > (config?.epoch ?? 0)) return true;
    return isLater(
      this.#open,
      config?.status === EpochStatus.open ? config : { epoch: config?.epoch ?? 0, version: 0 },
    );
  }

  /** Whether a majority of a configuration's replicas, in the lives that it names, said how they are. */
  isHeard(config: ClusterConfig): boolean {
    // Asked several times in every step, so nothing is allocated.
    let heard = 0;
    for (const { id, incarnation } of config.replicas) {
      if (this.#replicas.get(id)?.incarnation === incarnation) heard++;
    }
    return heard >= majorityOf(config);
  }

  /** The floor that a majority of a configuration's replicas was told; 0 while no majority is heard. */
  agreedFloor(config: ClusterConfig): number {
    const floors = config.replicas.flatMap(({ id, incarnation }) => {
      const said = this.#replicas.get(id);
      return said?.incarnation === incarnation ? [said.sessionFloor] : [];
    });
    return floors.sort((one, other) => other - one)[majorityOf(config) - 1] ?? 0;
  }

  /**
   * The configuration that a record must have lost: open, and no node speaks of a later epoch. A majority of its replicas
   * has to be heard, because an epoch that opened after it is known to one of them.
   */
  lostConfig(): ClusterConfig | undefined {
    const config = this.#config;
    if (config === undefined || config.epoch !== this.#epoch || isLater(this.#open, config)) return undefined;
    return this.isHeard(config) ? config : undefined;
  }

  /** The bucket went back: what was said before may be older than what was taken back. */
  beginAnew(): void {
    this.#replicas.clear();
  }

  #noteReplica(id: string, said: Said): void {
    const before = this.#replicas.get(id);
    const isSameLife = before?.incarnation === said.incarnation;
    // A word that another coordinator passed on may be older than the last one.
    const sessionFloor = Math.max(said.sessionFloor, isSameLife ? before.sessionFloor : 0);
    this.#replicas.set(id, { ...said, sessionFloor });
  }
}

const NONE = { epoch: 0, version: 0 };

interface Versioned {
  epoch: number;
  version: number;
}

function isLater(one: Versioned, other: Versioned): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.version > other.version);
}

/** Replicas of a configuration that make a majority. */
export function majorityOf({ replicas }: ClusterConfig): number {
  return majorityOfCount(replicas.length);
}
