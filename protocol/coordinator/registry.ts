// Who is there: the nodes that made themselves known to this coordinator and when each was last heard. Rebuilt from
// registrations after a restart; knows nothing of epochs.

import { NUMBER_LIMIT } from '../limits.js';
import { Hearing } from './hearing.js';
import type { RegisterRequest, SeenNode } from './types.js';
import { NodeRole } from './types.js';

/** A node and when it was last heard. */
export interface RegisteredNode extends SeenNode {
  lastSeenUs: number;
  /** When its stream broke, if it was not heard since. */
  lostUs: number | undefined;
  /** Epoch that it led before it was started anew, 0 if there is none (C4). Never falls in one life. */
  lostEpoch: number;
}

/** Streams that break together within this part of the liveness time, if they are many, broke on this side. */
const TOGETHER_SHARE = 8;
/** Fewer are never many: several nodes of one machine may well be lost at once. */
const MANY_STREAMS = 3;

/** The nodes of one coordinator. */
export class NodeRegistry {
  readonly hearing: Hearing;
  readonly #livenessUs: number;
  /** By role and name. */
  readonly #nodes = new Map<number, Map<string, RegisteredNode>>();

  constructor(livenessUs: number) {
    this.#livenessUs = livenessUs;
    this.hearing = new Hearing(livenessUs);
  }

  /**
   * Notes a node. The same life again renews it; another life takes the name over only from a node that is no longer
   * heard, since two live nodes of one name would count as one in quorums.
   * @returns the live holder of the name if the node was refused, else null.
   */
  register(node: SeenNode, nowUs: number): RegisteredNode | null {
    const holder = this.find(node.role, node.id);
    if (holder !== undefined && holder.incarnation !== node.incarnation && this.isLive(holder, nowUs)) return holder;
    this.hearing.note(nowUs);
    if (holder?.incarnation === node.incarnation) {
      holder.address = node.address;
      holder.lastSeenUs = nowUs;
      holder.lostUs = undefined;
      return null;
    }
    let named = this.#nodes.get(node.role);
    if (named === undefined) {
      named = new Map();
      this.#nodes.set(node.role, named);
    }
    named.set(node.id, { ...node, lastSeenUs: nowUs, lostUs: undefined, lostEpoch: 0 });
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
    this.hearing.note(nowUs);
    node.lastSeenUs = nowUs;
    node.lostUs = undefined;
    return node;
  }

  /** Notes that a life will not lead an epoch again. */
  noteLostEpoch(life: { role: number; id: string; incarnation: number }, lostEpoch: number): void {
    const node = this.find(life.role, life.id);
    if (node?.incarnation === life.incarnation) node.lostEpoch = Math.max(node.lostEpoch, lostEpoch);
  }

  /**
   * Notes that a life's stream broke; until it is heard again it counts as gone. If those of half the nodes break at once
   * it is this coordinator that was cut off: they count as there, and should they be gone, their silence will tell.
   */
  lose(life: { role: number; nodeId: string; incarnation: number }, nowUs: number): void {
    const node = this.find(life.role, life.nodeId);
    if (node?.incarnation !== life.incarnation || !this.hearing.trustsStreams(nowUs)) return;
    node.lostUs ??= nowUs;
    const all = [...this.#nodes.values()].flatMap((named) => [...named.values()]);
    const here = all.filter(({ lastSeenUs }) => nowUs - lastSeenUs <= this.#livenessUs);
    const togetherUs = this.#livenessUs / TOGETHER_SHARE;
    const lost = here.filter(({ lostUs }) => lostUs !== undefined && nowUs - lostUs <= togetherUs);
    if (lost.length < MANY_STREAMS || 2 * lost.length < here.length) return;
    this.hearing.distrustStreams(nowUs);
    for (const together of lost) together.lostUs = undefined;
  }

  /** The node of that role and name, alive or not. */
  find(role: number, id: string): RegisteredNode | undefined {
    return this.#nodes.get(role)?.get(id);
  }

  /** Live nodes of a role in order of their ids, compared by code units so that every coordinator agrees. */
  live(role: number, nowUs: number): RegisteredNode[] {
    return [...(this.#nodes.get(role)?.values() ?? [])]
      .filter((node) => this.isLive(node, nowUs))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** True if the node was heard within the liveness time and its stream did not break since. */
  isLive(node: RegisteredNode, nowUs: number): boolean {
    return node.lostUs === undefined && nowUs - node.lastSeenUs <= this.#livenessUs;
  }
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
