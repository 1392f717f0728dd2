// Who is there: the nodes that made themselves known to this coordinator and when each was last heard. Rebuilt from
// registrations after a restart; knows nothing of epochs.

import { NUMBER_LIMIT } from '../limits.js';
import type { RegisterRequest, SeenNode } from './types.js';
import { NodeRole } from './types.js';

/** A node and when it was last heard. */
export interface RegisteredNode extends SeenNode {
  lastSeenUs: number;
  /** Its stream broke and it was not heard since. */
  isLost: boolean;
  /** Epoch that it led before it was started anew, 0 if there is none (C4). Never falls in one life. */
  lostEpoch: number;
}

/** The nodes of one coordinator. */
export class NodeRegistry {
  readonly #livenessUs: number;
  readonly #nodes = new Map<string, RegisteredNode>();

  constructor(livenessUs: number) {
    this.#livenessUs = livenessUs;
  }

  /**
   * Notes a node. The same life again renews it; another life takes the name over only from a node that is no longer
   * heard, since two live nodes of one name would count as one in quorums.
   * @returns the live holder of the name if the node was refused, else null.
   */
  register(node: SeenNode, nowUs: number): RegisteredNode | null {
    const holder = this.find(node.role, node.id);
    if (holder !== undefined && holder.incarnation !== node.incarnation && this.isLive(holder, nowUs)) return holder;
    const lostEpoch = holder?.incarnation === node.incarnation ? holder.lostEpoch : 0;
    this.#nodes.set(keyOf(node.role, node.id), { ...node, lastSeenUs: nowUs, isLost: false, lostEpoch });
    return null;
  }

  /** Takes a member for heard now unless its name is known: after a restart the record's members come before strangers. */
  presume(member: SeenNode, nowUs: number): void {
    if (this.find(member.role, member.id) === undefined) this.register(member, nowUs);
  }

  /** Notes where a life is reached, if it is known at all. */
  locate({ role, id, address, incarnation }: SeenNode): void {
    const node = this.find(role, id);
    if (node?.incarnation === incarnation) node.address = address;
  }

  /** Notes that a node is still there; undefined if this life of it is not registered. */
  renew(life: { role: number; nodeId: string; incarnation: number }, nowUs: number): RegisteredNode | undefined {
    const node = this.find(life.role, life.nodeId);
    if (node?.incarnation !== life.incarnation) return undefined;
    node.lastSeenUs = nowUs;
    node.isLost = false;
    return node;
  }

  /** Notes that a life will not lead an epoch again. */
  noteLostEpoch(life: { role: number; id: string; incarnation: number }, lostEpoch: number): void {
    const node = this.find(life.role, life.id);
    if (node?.incarnation === life.incarnation) node.lostEpoch = Math.max(node.lostEpoch, lostEpoch);
  }

  /** Notes that a life's stream broke; until it is heard again it counts as gone. */
  lose(life: { role: number; nodeId: string; incarnation: number }): void {
    const node = this.find(life.role, life.nodeId);
    if (node?.incarnation === life.incarnation) node.isLost = true;
  }

  /** The node of that role and name, alive or not. */
  find(role: number, id: string): RegisteredNode | undefined {
    return this.#nodes.get(keyOf(role, id));
  }

  /** Live nodes of a role in order of their ids, compared by code units so that every coordinator agrees. */
  live(role: number, nowUs: number): RegisteredNode[] {
    return [...this.#nodes.values()]
      .filter((node) => node.role === role && this.isLive(node, nowUs))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** True if the node was heard within the liveness time and its stream did not break since. */
  isLive(node: RegisteredNode, nowUs: number): boolean {
    return !node.isLost && nowUs - node.lastSeenUs <= this.#livenessUs;
  }
}

function keyOf(role: number, id: string): string {
  return `${role}/${id}`;
}

/** What is wrong with a registration, or null. */
export function describeInvalidNode(request: RegisterRequest): string | null {
  const { role, nodeId, address, incarnation } = request;
  if (role !== NodeRole.replica && role !== NodeRole.witness) return `role must be replica or witness, not ${role}`;
  if (!/^[A-Za-z0-9_.:@-]{1,128}$/.test(nodeId)) return 'node_id must be 1 to 128 letters, digits or _.:@-';
  if (!/^.+:[0-9]{1,5}$/.test(address)) return `address must be host:port, not "${address}"`;
  if (!Number.isInteger(incarnation) || incarnation < 1 || incarnation > NUMBER_LIMIT) {
    return `incarnation must be a whole number from 1 to ${NUMBER_LIMIT}, not ${incarnation}`;
  }
  return null;
}
