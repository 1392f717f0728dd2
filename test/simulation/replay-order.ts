// What a new leader appends after the chosen log, from the pools of sealed witnesses. With q = m it is one pool as it
// stands; with q < m several pools are merged by copies, session order, dependencies and what all pools agree on. Where
// the rules leave a choice, chance takes it, because any choice must do.

import type { CheckedWrite, Write } from '../../protocol/messages.js';
import type { Quorums } from '../../protocol/quorum.js';
import type { SeededRandom } from './random.js';

interface Node {
  name: string;
  write: CheckedWrite;
  keys: Set<string>;
  /** Position in each pool, or -1. */
  positions: number[];
  before: Set<Node>;
}

/** The replay of `pools`, each in arrival order. */
export function orderReplay(pools: readonly Write[][], quorums: Quorums, random: SeededRandom): Write[] {
  if (quorums.unanimous) return random.pick(pools);
  const copies = pools.length - (quorums.witnesses - quorums.fast);
  const nodes = collectNodes(pools).filter(({ write, positions }) => {
    return !write.command.strong || positions.filter((position) => position >= 0).length >= copies;
  });
  addSessionsAndDependencies(nodes);
  const ancestors = new Map(nodes.map((node) => [node, ancestorsOf(node)]));
  for (const one of nodes) {
    for (const other of nodes) {
      if (one === other) continue;
      const isStrongFirst = precedesAsStrong(one, other) && ancestors.get(one)?.has(other) !== true;
      if (isStrongFirst || precedesEverywhere(one, other)) other.before.add(one);
    }
  }
  return linearize(nodes, random);
}

function collectNodes(pools: readonly Write[][]): Node[] {
  const nodes = new Map<string, Node>();
  pools.forEach((pool, poolIndex) => {
    pool.forEach((write, position) => {
      const { command } = write;
      if (command === undefined) return;
      const name = `${command.session}#${command.seq}`;
      let node = nodes.get(name);
      if (node === undefined) {
        const keys = new Set(command.mutations.map(({ key }) => key.join()));
        node = { name, write: { ...write, command }, keys, positions: pools.map(() => -1), before: new Set() };
        nodes.set(name, node);
      }
      node.positions[poolIndex] = position;
    });
  });
  return [...nodes.values()];
}

/** Session order, and recorded dependencies; one found nowhere is ignored. */
function addSessionsAndDependencies(nodes: readonly Node[]): void {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  for (const node of nodes) {
    for (const other of nodes) if (isEarlierInSession(other, node)) node.before.add(other);
    for (const dependency of node.write.dependencies) {
      const earlier = byName.get(`${dependency.session}#${dependency.seq}`);
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

/**
 * A circle can only run through commands that the chosen log holds already, which the leader skips: where two commands
 * that are not in the log are ordered by strength, some sealed witness kept both and saw them in that order. So where
 * nothing is ready, the earliest arrival may go first.
 */
function linearize(nodes: Node[], random: SeededRandom): Write[] {
  const ordered: Write[] = [];
  const left = new Set(nodes);
  while (left.size > 0) {
    const ready = [...left].filter(({ before }) => [...before].every((node) => !left.has(node)));
    const next = ready.length > 0 ? random.pick(ready) : firstArrival(left);
    left.delete(next);
    ordered.push(next.write);
  }
  return ordered;
}

function firstArrival(left: ReadonlySet<Node>): Node {
  const rank = ({ positions }: Node): number => Math.min(...positions.filter((position) => position >= 0));
  const sessionHeads = [...left].filter((node) => [...left].every((other) => !isEarlierInSession(other, node)));
  return sessionHeads.reduce((first, node) => (rank(node) < rank(first) ? node : first));
}

function isEarlierInSession({ write: { command: one } }: Node, { write: { command: other } }: Node): boolean {
  return one.session === other.session && one.seq < other.seq;
}
