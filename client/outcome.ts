// From the core's answers to the outcomes that callers see, one function for each kind of operation. What is handed out
// is copied: a value as it arrives is a view of its frame, and a caller who keeps it would keep the whole frame.

import { type Answer, type ResolvedOutcome, unreachable } from '../protocol/core.js';
import { encodeScanCursor } from './scan-cursor.js';
import type { CompareAndSetOutcome, GetOutcome, Resolution, ScanOutcome, WriteOutcome } from './types.js';

/** Outcome of a strong put, delete or batch. */
export function toWriteOutcome(answer: Answer, session: number): WriteOutcome {
  const { path, epoch, slot, slowReason } = answer;
  const id = { session, seq: answer.seq };
  return slowReason === undefined ? { id, path, epoch, slot } : { id, path, epoch, slot, slowReason };
}

/** Outcome of a compare-and-set. */
export function toCompareAndSetOutcome(answer: Answer, session: number): CompareAndSetOutcome {
  const found = !answer.applied && answer.present ? Buffer.from(answer.value) : null;
  const { path, epoch, slot, slowReason, applied } = answer;
  const id = { session, seq: answer.seq };
  return slowReason === undefined
    ? { id, path, epoch, slot, applied, found }
    : { id, path, epoch, slot, slowReason, applied, found };
}

/** Outcome of a get. */
export function toGetOutcome(answer: Answer): GetOutcome {
  const { path, epoch, slot, slowReason } = answer;
  const value = answer.present ? Buffer.from(answer.value) : null;
  return slowReason === undefined ? { value, path, epoch, slot } : { value, path, epoch, slot, slowReason };
}

/** One page of a scan. If it was cut, the cursor names the smallest key after the last one that it speaks for. */
export function toScanOutcome(answer: Answer): ScanOutcome {
  const { path, epoch, slot, slowReason } = answer;
  const entries = answer.entries.map(({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value) }));
  const cursor = answer.more ? encodeScanCursor(answer.resumeAfter) : null;
  return slowReason === undefined
    ? { entries, cursor, path, epoch, slot }
    : { entries, cursor, path, epoch, slot, slowReason };
}

/** What became of a write whose outcome was unknown. */
export function toResolution(outcome: ResolvedOutcome): Resolution {
  switch (outcome.status) {
    case 'executed': {
      const { slot, result } = outcome;
      const known = { outcome: 'executed' as const, ...(slot > 0 ? { slot } : {}) };
      if (result === undefined) return known;
      if (result.applied) return { ...known, applied: true };
      return { ...known, applied: false, found: result.present ? Buffer.from(result.value) : null };
    }
    case 'notExecuted':
      return outcome.isFinal ? { outcome: 'notExecuted' } : { outcome: 'unknown', reason: 'pending' };
    case 'sessionEnded':
      return { outcome: 'unknown', reason: 'sessionEnded' };
    default:
      return unreachable(outcome);
  }
}
