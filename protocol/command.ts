// What can be said of a command without executing it: its name, its keys, its size, whether two are the same.

import { equalBytes, type Slab } from './bytes.js';
import type { CheckedWrite, Command, CommandId, Mutation, Write } from './messages.js';

/** `session#seq`, for people. */
export function describeId(id: CommandId): string {
  return `${id.session}#${id.seq}`;
}

/** Whether two ids name the same write. */
export function sameId(a: CommandId, b: CommandId): boolean {
  return a.session === b.session && a.seq === b.seq;
}

/** Bytes that a command takes on the wire and at rest, to within its envelope. */
export function commandBytes(command: Command): number {
  let bytes = 48;
  for (const mutation of command.mutations) bytes += mutation.key.length + mutation.value.length + 8;
  return command.condition === undefined ? bytes : bytes + command.condition.value.length;
}

/** Bytes of a write with what it says it depends on. */
export function writeBytes({ command, dependencies }: CheckedWrite): number {
  return commandBytes(command) + 16 * dependencies.length;
}

/** A copy, cut from `slab`, that keeps no frame alive. */
export function copyCommand(command: Command, slab: Slab): Command {
  const { session, seq, strong, ackedThrough, condition } = command;
  return {
    session,
    seq,
    strong,
    ackedThrough,
    mutations: command.mutations.map((m) => ({ key: slab.copy(m.key), value: slab.copy(m.value), deletes: m.deletes })),
    condition: condition === undefined ? undefined : { present: condition.present, value: slab.copy(condition.value) },
  };
}

/** A write around a command whose copy is already made, as relays and reports send it. */
export function wrapCommand(command: Command, committedThrough: number): Write & { command: Command } {
  return { command, committedThrough, bound: 0, dependencies: [] };
}

/** B3: whether two commands of one id say the same. Dependencies and watermarks are not payload. */
export function samePayload(a: Command, b: Command): boolean {
  if (a.strong !== b.strong || a.mutations.length !== b.mutations.length) return false;
  if ((a.condition === undefined) !== (b.condition === undefined)) return false;
  if (a.condition !== undefined && b.condition !== undefined) {
    if (a.condition.present !== b.condition.present || !equalBytes(a.condition.value, b.condition.value)) return false;
  }
  return a.mutations.every((mutation, i) => sameMutation(mutation, b.mutations[i]));
}

function sameMutation(a: Mutation, b: Mutation | undefined): boolean {
  return b !== undefined && a.deletes === b.deletes && equalBytes(a.key, b.key) && equalBytes(a.value, b.value);
}
