// A sealed pool on its way to the coordinator: cut into messages of bounded size, sent no faster than they are taken.
// Does not judge the pool.

import type { ServerWritableStream } from '@grpc/grpc-js';
import type { GetRecoveryDataRequest, GetRecoveryDataResponse, Write } from '../../protocol/messages.js';

/** Size at which a message is closed; the entry that reaches it still belongs to it. */
export const RECOVERY_CHUNK_BYTES = 1 << 20;

/** Bytes of an entry's keys and values and of its envelope, roughly. */
function entryBytes({ command, dependencies }: Write): number {
  let bytes = 64 + 16 * dependencies.length;
  if (command === undefined) return bytes;
  for (const { key, value } of command.mutations) bytes += key.length + value.length + 8;
  return bytes + (command.condition?.value.length ?? 0);
}

/** The messages that carry `response`, in order; an empty pool is one empty message, which tells the life. */
export function* chunkRecoveryData(response: GetRecoveryDataResponse): Generator<GetRecoveryDataResponse> {
  const { incarnation } = response;
  let entries: Write[] = [];
  let bytes = 0;
  for (const entry of response.entries) {
    entries.push(entry);
    bytes += entryBytes(entry);
    if (bytes < RECOVERY_CHUNK_BYTES) continue;
    yield { incarnation, entries };
    entries = [];
    bytes = 0;
  }
  if (entries.length > 0 || response.entries.length === 0) yield { incarnation, entries };
}

/** Sends all messages and ends the call; waits wherever the caller is slower. */
export function sendRecoveryData(
  call: ServerWritableStream<GetRecoveryDataRequest, GetRecoveryDataResponse>,
  response: GetRecoveryDataResponse,
): void {
  const chunks = chunkRecoveryData(response);
  const sendMore = (): void => {
    for (;;) {
      const next = chunks.next();
      if (next.done === true) {
        call.end();
        return;
      }
      if (call.write(next.value)) continue;
      call.once('drain', sendMore);
      return;
    }
  };
  sendMore();
}
