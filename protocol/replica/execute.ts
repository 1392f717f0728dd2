// Executing one command against whatever state it meets: the applied one at commit, the speculative one at append. The
// same function in both places is what makes a speculative result come true.

import { bytesToText, NO_BYTES, textToBytes } from '../bytes.js';
import type { Command, WriteResult } from '../messages.js';

/** What a state knows of a key; undefined if the key never existed. */
export type Lookup = (key: string) => { value: string | null; slot: number } | undefined;

/** Result of every command without a condition; shared, never written to. */
export const APPLIED: WriteResult = { applied: true, present: false, value: NO_BYTES, version: 0 };

/** Keys of a command as text, in mutation order. */
export function keysOf(command: Command): string[] {
  const keys: string[] = [];
  for (const mutation of command.mutations) keys.push(bytesToText(mutation.key));
  return keys;
}

/** Decides what a command answers, changing nothing. `absentSlot` is the version of a key with no entry. */
export function decideResult(
  command: Command,
  keys: readonly string[],
  state: { lookup: Lookup; absentSlot: (key: string) => number },
): WriteResult {
  const { condition } = command;
  if (condition === undefined) return APPLIED;
  const key = keys[0] ?? '';
  const found = state.lookup(key);
  const value = found?.value ?? null;
  const version = found?.slot ?? state.absentSlot(key);
  const applied = condition.present ? value === bytesToText(condition.value) : value === null;
  if (applied || value === null) return { applied, present: false, value: NO_BYTES, version };
  return { applied, present: true, value: textToBytes(value), version };
}

/** Value that mutation `at` leaves behind, as text; null if it deletes. */
export function mutationValue(command: Command, at: number): string | null {
  const mutation = command.mutations[at];
  if (mutation === undefined || mutation.deletes) return null;
  return bytesToText(mutation.value);
}
