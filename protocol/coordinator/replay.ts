// What a new leader appends after the chosen log, from the pools of sealed witnesses. With q = m it is one pool as it
// stands; with q < m several pools are merged by copies, session order, dependencies and what all pools agree on. What
// the chosen log holds is left out first: the leader would skip it, and its order is settled by the log alone.

import { bytesToText } from '../bytes.js';
import type { CheckedWrite, Write } from '../messages.js';
import type { Quorums } from '../quorum.js';

/** What a replay is made of. */
export interface ReplaySources {
  /** Pools of sealed witnesses, each in arrival order; with q = m exactly one. */
  pools: readonly (readonly Write[])[];
  quorums: Quorums;
  /** Highest seq of a session in the chosen log. Asked for with q < m only. */
  orderedThrough(session: number): number;
  /** D4: whether a write follows on what is recovered of its session. */
  followsOn(seq: number, recoveredThrough: number): boolean;
  /** Which of `count` writes that may come next does; any will do. */
  pickNext(count: number): number;
}

interface Node {
  write: CheckedWrite;
  keys: Set<string>;
  /** Position in each pool, or -1. */
  positions: number[];
  before: Set<Node>;
}

/** The replay, in order. */
export function orderReplay(sources: ReplaySources): Write[] {
  const { pools, quorums } = sources;
  if (quorums.unanimous) return [...(pools[0] ?? [])];
  const copies = pools.length - (quorums.witnesses - quorums.fast);
  const recovered = [...collectNodes(pools).values()].filter(({ write, positions }) => {
    return !write.command.strong || positions.filter((position) => position >= 0).length >= copies;
  });
  const nodes = cutToPrefixes(recovered, sources);
  addSessionsAndDependencies(nodes);
  const ancestors = new Map(nodes.map((node) => [node, ancestorsOf(node)]));
  for (const one of nodes) {
    for (const other of nodes) {
      if (one === other) continue;
      const isStrongFirst = precedesAsStrong(one, other) && ancestors.get(one)?.has(other) !== true;
      if (isStrongFirst || precedesEverywhere(one, other)) other.before.add(one);
    }
  }
  return linearize(nodes, sources.pickNext);
}

function collectNodes(pools: ReplaySources['pools']): Map<string, Node> {
  const nodes = new Map<string, Node>();
  pools.forEach((pool, poolIndex) => {
    pool.forEach((write, position) => {
      const { command } = write;
      if (command === undefined) return;
      const name = `${command.session}#${command.seq}`;
      const known = nodes.get(name);
      if (known !== undefined) {
        known.positions[poolIndex] = position;
        return;
      }
      const keys = new Set(command.mutations.map(({ key }) => bytesToText(key)));
      const positions = pools.map((_, index) => (index === poolIndex ? position : -1));
      nodes.set(name, { write: { ...write, command }, keys, positions, before: new Set() });
    });
  });
  return nodes;
}

/** D4: what follows on the log without a hole; the rest waits for its session to send what is missing. */
function cutToPrefixes(nodes: Node[], { orderedThrough, followsOn }: ReplaySources): Node[] {
  const reached = new Map<number, number>();
  return nodes
    .sort((one, other) => one.write.command.seq - other.write.command.seq)
    .filter(({ write: { command } }) => {
      const through = reached.get(command.session) ?? orderedThrough(command.session);
      if (!followsOn(command.seq, through)) return false;
      reached.set(command.session, command.seq);
      return true;
    });
}

/** Session order, and recorded dependencies; one found nowhere is ignored. */
function addSessionsAndDependencies(nodes: readonly Node[]): void {
  const byName = new Map(nodes.map((node) => [`${node.write.command.session}#${node.write.command.seq}`, node]));
  for (const node of nodes) {
    const { session, seq } = node.write.command;
    for (const { session: other, seq: through } of [{ session, seq: seq - 1 }, ...node.write.dependencies]) {
      const earlier = byName.get(`${other}#${through}`);
      if (earlier !== undefined) node.before.add(earlier);
    }
  }
}

function ancestorsOf(node: Node): Set<Node> {
  const found = new Set<Node>();
  const walk = [node];
  for (let next = walk.pop(); next !== undefined; next = walk.pop()) {
    for (const before of next.before) {
      if (found.has(before)) continue;
      found.add(before);
      walk.push(before);
    }
  }
  return found;
}

/** A strong command comes before every weak write of another session on its keys. */
function precedesAsStrong(one: Node, other: Node): boolean {
  const [strong, weak] = [one.write.command, other.write.command];
  if (!strong.strong || weak.strong || strong.session === weak.session) return false;
  for (const key of one.keys) if (other.keys.has(key)) return true;
  return false;
}

/** Every pool holds `one`, and `other` later or not at all. */
function precedesEverywhere(one: Node, other: Node): boolean {
  return one.positions.every((position, pool) => {
    const otherPosition = other.positions[pool] ?? -1;
    return position >= 0 && (otherPosition < 0 || position < otherPosition);
  });
}

function linearize(nodes: readonly Node[], pickNext: ReplaySources['pickNext']): Write[] {
  const ordered: Write[] = [];
  const waitsFor = new Map(nodes.map((node) => [node, node.before.size]));
  const after = new Map<Node, Node[]>(nodes.map((node) => [node, []]));
  for (const node of nodes) for (const before of node.before) after.get(before)?.push(node);
  const ready = nodes.filter(({ before }) => before.size === 0);
  while (ready.length > 0) {
    const [next] = ready.splice(pickNext(ready.length), 1);
    if (next === undefined) throw new Error(`nothing was picked of ${ready.length} writes`);
    ordered.push(next.write);
    for (const node of after.get(next) ?? []) {
      const left = (waitsFor.get(node) ?? 0) - 1;
      waitsFor.set(node, left);
      if (left === 0) ready.push(node);
    }
  }
  if (ordered.length !== nodes.length) throw new Error(`${nodes.length - ordered.length} writes precede each other`);
  return ordered;
}
