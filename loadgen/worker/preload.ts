// Writes a range of keys before any measuring: batches of weak writes, a few under way at a time, all awaited until they
// are committed. Knows how values look and nothing of clients as processes.

import { performance } from 'node:perf_hooks';

import type { BatchWrite } from '../../client/types.js';
import { BATCH_MUTATIONS_LIMIT, VALUE_BYTES_LIMIT } from '../../protocol/limits.js';
import { historyTimeUs, toBase64 } from './history.js';
import type { LoopDoors, StreamSession } from './operation-lane.js';

const BATCH_KEYS = 256;
const BATCHES_IN_FLIGHT = 4;
const LOAD_DEADLINE_MS = 60_000;

/** Writes keys [firstKey, endKey). `onProgress` hears the number of keys committed so far. */
export async function preloadKeys(
  doors: LoopDoors,
  on: StreamSession,
  { firstKey, endKey, valueBytes }: { firstKey: number; endKey: number; valueBytes: number },
  onProgress: (keys: number) => void,
): Promise<void> {
  const batchKeys = Math.max(
    1,
    Math.min(BATCH_KEYS, BATCH_MUTATIONS_LIMIT, Math.floor(VALUE_BYTES_LIMIT / (valueBytes + 64))),
  );
  let next = firstKey;
  let committed = 0;
  const loader = async () => {
    while (next < endKey) {
      const from = next;
      next = Math.min(endKey, from + batchKeys);
      const count = next - from;
      await writeBatch(doors, on, from, count);
      committed += count;
      onProgress(committed);
    }
  };
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, loader));
}

async function writeBatch(
  { keys, codec, history }: LoopDoors,
  { session, view }: StreamSession,
  from: number,
  count: number,
): Promise<void> {
  const writes: (BatchWrite & { key: Buffer; value: Buffer })[] = [];
  for (let keyIndex = from; keyIndex < from + count; keyIndex++) {
    writes.push({ key: keys.bytesOf(keyIndex), value: codec.encode(keyIndex, view.session, ++view.issued) });
  }
  const invokeUs = historyTimeUs(performance.now());
  const weakWrite = session.batch(writes, { consistency: 'weak', deadlineMs: LOAD_DEADLINE_MS });
  const answered = await weakWrite.committed;
  history?.write({
    session: view.session,
    seq: weakWrite.id.seq,
    op: 'batch',
    consistency: 'weak',
    key: '',
    writes: writes.map(({ key, value }) => ({ key: toBase64(key), value: toBase64(value) })),
    invokeUs,
    returnUs: historyTimeUs(performance.now()),
    outcome: 'ok',
    slot: answered.slot,
    epoch: answered.epoch,
  });
}
