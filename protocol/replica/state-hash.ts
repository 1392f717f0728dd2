// A hash of the applied state that follows its changes: a sum over keys and sessions, so that order does not matter and
// a change costs what changed. For finding replicas that differ, not for proving that they do not; no part of any
// decision. Deleted keys count for nothing: how long a deletion is remembered depends on the number of shards.

const PRIME = 0x01000193;

/** What of a version counts. */
interface HashedVersion {
  value: string | null;
  slot: number;
  session: number;
  seq: number;
}

/** What of a session counts. Results follow from the log and the state, so their number is enough. */
interface HashedSession {
  lastSeq: number;
  lastSlot: number;
  ackedThrough: number;
  results: { readonly size: number };
}

/** What a key contributes; 0 if it is deleted. 32 bits. */
export function hashVersion(key: string, { value, slot, session, seq }: HashedVersion): number {
  if (value === null) return 0;
  let hash = mixText(0x811c9dc5, key);
  hash = mixText(Math.imul(hash ^ key.length, PRIME), value);
  return finish(mixNumber(mixNumber(mixNumber(hash, slot), session), seq));
}

/** What a session contributes. 32 bits. */
export function hashSession(session: number, record: HashedSession): number {
  const { lastSeq, lastSlot, ackedThrough, results } = record;
  let hash = mixNumber(0x2545f491, session);
  hash = mixNumber(mixNumber(hash, lastSeq), lastSlot);
  return finish(mixNumber(mixNumber(hash, ackedThrough), results.size));
}

function mixNumber(hash: number, value: number): number {
  const low = Math.imul(hash ^ (value & 0xffff_ffff), PRIME);
  return Math.imul(low ^ (low >>> 15) ^ Math.floor(value / 0x1_0000_0000), 0x85ebca6b);
}

/** Four characters at a time: each is one byte. */
function mixText(start: number, text: string): number {
  let hash = start;
  const whole = text.length & ~3;
  let at = 0;
  for (; at < whole; at += 4) {
    const word =
      text.charCodeAt(at) |
      (text.charCodeAt(at + 1) << 8) |
      (text.charCodeAt(at + 2) << 16) |
      (text.charCodeAt(at + 3) << 24);
    hash = Math.imul(hash ^ word, 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  for (; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), PRIME);
  return hash ^ text.length;
}

/** Sums of what is left as it is would cancel out where inputs differ in a few bits. */
function finish(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
