// Who can be struck by faults, and between whom there are streams. Knows nothing of the faults themselves.

import type { ClientProcess } from './client-process.js';
import type { Coordination } from './coordination.js';
import type { CoordinatorProcess } from './coordinator-process.js';
import type { ReplicaProcess } from './replica-process.js';
import type { WitnessProcess } from './witness-process.js';

/** What faults can strike. */
export interface FaultTargets {
  replicas: readonly ReplicaProcess[];
  witnesses: readonly WitnessProcess[];
  clients: readonly ClientProcess[];
  coordination: Coordination;
  restartWitness(index: number): void;
  reviveWitness(index: number): void;
  restartReplica(index: number): void;
}

/** Two processes with streams between them. */
export type Pair =
  | { kind: 'clientReplica'; client: ClientProcess; replica: ReplicaProcess }
  | { kind: 'clientWitness'; client: ClientProcess; witness: WitnessProcess }
  | { kind: 'replicas'; one: ReplicaProcess; other: ReplicaProcess }
  | { kind: 'replicaWitness'; replica: ReplicaProcess; witness: WitnessProcess }
  | { kind: 'coordinator'; coordinator: CoordinatorProcess; node: ReplicaProcess | WitnessProcess };

/** All pairs of one run. */
export function listPairs({ replicas, witnesses, clients, coordination }: FaultTargets): Pair[] {
  const pairs: Pair[] = [];
  for (const coordinator of coordination.processes) {
    for (const node of [...replicas, ...witnesses]) pairs.push({ kind: 'coordinator', coordinator, node });
  }
  for (const client of clients) {
    for (const replica of replicas) pairs.push({ kind: 'clientReplica', client, replica });
    for (const witness of witnesses) pairs.push({ kind: 'clientWitness', client, witness });
  }
  for (const one of replicas) {
    for (const other of replicas) if (one.index < other.index) pairs.push({ kind: 'replicas', one, other });
    for (const witness of witnesses) pairs.push({ kind: 'replicaWitness', replica: one, witness });
  }
  return pairs;
}

/** The two processes by name. */
export function namesOf(pair: Pair): [string, string] {
  switch (pair.kind) {
    case 'clientReplica':
      return [pair.client.name, pair.replica.name];
    case 'clientWitness':
      return [pair.client.name, pair.witness.name];
    case 'replicas':
      return [pair.one.name, pair.other.name];
    case 'coordinator':
      return [pair.coordinator.name, pair.node.name];
    case 'replicaWitness':
      return [pair.replica.name, pair.witness.name];
  }
}

/** Whether a witness is one of the two. */
export function hasWitness(pair: Pair, witness: WitnessProcess): boolean {
  return ('witness' in pair && pair.witness === witness) || ('node' in pair && pair.node === witness);
}
