// The four session guarantees in their cheap form: what one session's own operations, seqs and slots already show. The
// causal checker says the same about values in general; this one names the guarantee, and it looks at slots, which are
// fixed within an epoch.

import { isUndecidedFor } from './causal-order.js';
import type { Checker, HistoryEvent, Violation } from './history.js';
import {
  buildModel,
  cellName,
  describeCell,
  describeEvent,
  type HistoryModel,
  type Operation,
} from './history-model.js';

/** Read-your-writes, monotonic reads, monotonic writes, writes-follow-reads (G, E5–E7). */
export const sessionGuarantees: Checker = (history) => checkSessionGuarantees(buildModel(history));

/** The same of a model. */
export function checkSessionGuarantees(model: HistoryModel): Violation[] {
  const sessions = new Map<number, Operation[]>();
  for (const operation of model.operations) {
    const operations = sessions.get(operation.session);
    if (operations) operations.push(operation);
    else sessions.set(operation.session, [operation]);
  }
  return [...sessions.values()].flatMap((operations) => {
    const inOrder = operations.sort((left, right) => left.invoke - right.invoke);
    return [
      ...monotonicWrites(inOrder),
      ...readYourWrites(inOrder, model),
      ...monotonicReads(inOrder, model),
      ...monotonicSlots(inOrder),
    ];
  });
}

function violation(detail: string, events: HistoryEvent[]): Violation {
  return { property: 'session', detail, events };
}

/** Seqs name writes in the order in which they were issued, and slots follow seqs within an epoch. */
function monotonicWrites(operations: readonly Operation[]): Violation[] {
  const found: Violation[] = [];
  const writes = operations.filter((operation) => operation.numbered);
  let returned: Operation | undefined;
  const byReturn = writes
    .filter((write) => write.returned < Number.POSITIVE_INFINITY)
    .sort((left, right) => left.returned - right.returned);
  let next = 0;
  for (const write of writes) {
    for (let done = byReturn[next]; done && done.returned < write.invoke; done = byReturn[next]) {
      if (!returned || done.seq > returned.seq) returned = done;
      next += 1;
    }
    if (returned && returned.seq > write.seq) {
      found.push(
        violation(
          `monotonic writes: ${describeEvent(write.event)} was issued after ${describeEvent(returned.event)} had returned`,
          [returned.event, write.event],
        ),
      );
    }
  }
  const latest = new Map<number, Operation>();
  for (const write of [...writes].sort((left, right) => left.seq - right.seq)) {
    const { epoch, slot } = write.event;
    if (slot === 0) continue;
    const before = latest.get(epoch);
    if (before && before.event.slot >= slot && before.seq < write.seq) {
      const earlier = `${describeEvent(before.event)} before it has slot ${before.event.slot}`;
      const detail = `monotonic writes: in epoch ${epoch} ${describeEvent(write.event)} has slot ${slot}, ${earlier}`;
      found.push(violation(detail, [before.event, write.event]));
    }
    if (!before || before.event.slot < slot) latest.set(epoch, write);
  }
  return found;
}

/** A read sees the session's last write of the key, or something that is not older. */
function readYourWrites(operations: readonly Operation[], model: HistoryModel): Violation[] {
  const found: Violation[] = [];
  const writes = new Map<string, Operation[]>();
  for (const operation of [...operations]
    .filter(({ optional }) => !optional)
    .sort((left, right) => left.seq - right.seq)) {
    for (const { key } of operation.writes) {
      const known = writes.get(key);
      if (known) known.push(operation);
      else writes.set(key, [operation]);
    }
  }
  for (const reader of operations) {
    for (const { key, value } of reader.reads) {
      const own = writes.get(key)?.findLast((write) => isBefore(write, reader));
      if (!own) continue;
      const source = value === null ? undefined : model.writers.get(cellName(key, value));
      const older = source?.session === reader.session && source.seq < own.seq;
      const lost =
        value === null && !(model.deletes.get(key) ?? []).some((candidate) => explains(candidate, own, reader));
      if (!older && !lost) continue;
      const saw = `${describeEvent(reader.event)} saw ${describeCell({ key, value })}`;
      const detail = `read-your-writes: ${saw}, although the session had already issued ${describeEvent(own.event)}`;
      found.push(violation(detail, [...(older && source ? [source.event] : []), own.event, reader.event]));
    }
  }
  return found;
}

function isBefore(write: Operation, reader: Operation): boolean {
  if (write === reader || isUndecidedFor(reader, write)) return false;
  return reader.numbered ? write.seq < reader.seq : write.seq <= reader.seq;
}

/** Whether a delete may come after the session's own write and before the read. */
function explains(candidate: Operation, own: Operation, reader: Operation): boolean {
  if (candidate.invoke > reader.returned) return false;
  return candidate.session !== own.session || candidate.seq >= own.seq;
}

/** Having seen one write of somebody's session, a session sees none of its earlier writes of the key any more. */
function monotonicReads(operations: readonly Operation[], model: HistoryModel): Violation[] {
  const found: Violation[] = [];
  const newest = new Map<string, { write: Operation; reader: Operation }>();
  forEachAfterReturned(operations, {
    onReturned: (reader) => {
      for (const { key, value } of reader.reads) {
        const write = value === null ? undefined : model.writers.get(cellName(key, value));
        if (!write) continue;
        const line = `${key}:${write.session}`;
        const known = newest.get(line);
        if (!known || known.write.seq < write.seq) newest.set(line, { write, reader });
      }
    },
    onInvoked: (reader) => {
      for (const { key, value } of reader.reads) {
        const write = value === null ? undefined : model.writers.get(cellName(key, value));
        const known = write && newest.get(`${key}:${write.session}`);
        if (!write || !known || known.write.seq <= write.seq) continue;
        const back = `${describeEvent(reader.event)} went back to ${describeCell({ key, value })}`;
        const newer = `${describeEvent(known.reader.event)} had seen the newer ${describeEvent(known.write.event)}`;
        const detail = `monotonic reads: ${back} after ${newer}`;
        found.push(violation(detail, [write.event, known.write.event, known.reader.event, reader.event]));
      }
    },
  });
  return found;
}

/** Within an epoch, versions of a key do not go back, and a write comes after the versions its session has read. */
function monotonicSlots(operations: readonly Operation[]): Violation[] {
  const found: Violation[] = [];
  const versions = new Map<string, Operation>();
  const highest = new Map<number, Operation>();
  // Absence has no version of its own where its tombstone is gone, and a scan's slot is that of its whole state.
  const isVersion = ({ event }: Operation): boolean =>
    event.op === 'get' && typeof event.result === 'string' && event.slot > 0;
  forEachAfterReturned(operations, {
    onReturned: (reader) => {
      if (!isVersion(reader)) return;
      const { epoch, key, slot } = reader.event;
      if ((versions.get(`${epoch}:${key}`)?.event.slot ?? 0) < slot) versions.set(`${epoch}:${key}`, reader);
      if ((highest.get(epoch)?.event.slot ?? 0) < slot) highest.set(epoch, reader);
    },
    onInvoked: (operation) => {
      const { epoch, key, slot } = operation.event;
      const version = versions.get(`${epoch}:${key}`);
      if (isVersion(operation) && version && version.event.slot > slot) {
        const before = `${describeEvent(version.event)} had seen version ${version.event.slot}`;
        const detail = `monotonic reads: in epoch ${epoch} ${describeEvent(operation.event)} saw version ${slot}, after ${before}`;
        found.push(violation(detail, [version.event, operation.event]));
      }
      const read = highest.get(epoch);
      if (operation.numbered && slot > 0 && read && read.event.slot >= slot) {
        const seen = `${describeEvent(read.event)} had already seen version ${read.event.slot}`;
        const detail = `writes follow reads: in epoch ${epoch} ${describeEvent(operation.event)} got slot ${slot}, although ${seen}`;
        found.push(violation(detail, [read.event, operation.event]));
      }
    },
  });
  return found;
}

/** Walks operations, sorted by invocation, in time: before each invocation come the returns strictly before it. */
function forEachAfterReturned(
  operations: readonly Operation[],
  visit: { onReturned: (operation: Operation) => void; onInvoked: (operation: Operation) => void },
): void {
  const returns = operations
    .filter(({ returned }) => returned < Number.POSITIVE_INFINITY)
    .sort((left, right) => left.returned - right.returned);
  let next = 0;
  for (const operation of operations) {
    for (let done = returns[next]; done && done.returned < operation.invoke; done = returns[next]) {
      visit.onReturned(done);
      next += 1;
    }
    visit.onInvoked(operation);
  }
}
