// What a loop needs to run in a test: doors that record and verify from the beginning, and streams over some client.

import type { Client, Session } from '../../../client/types.js';
import { KeySpace } from '../../../loadgen/worker/key-space.js';
import { type LoopDoors, openStreamSession, type Stream } from '../../../loadgen/worker/operation-lane.js';
import { Recorder } from '../../../loadgen/worker/recorder.js';
import { SendLag } from '../../../loadgen/worker/self-check.js';
import { ValueCodec } from '../../../loadgen/worker/value-codec.js';
import { Verifier } from '../../../loadgen/worker/verifier.js';
import { Workload } from '../../../loadgen/worker/workload.js';
import { Zipf } from '../../../loadgen/worker/zipf.js';

const KEYS = 50;
const MIX = { weakRatio: 0.5, writeRatio: 0.3 };

/** Doors with a window that is open for ever. */
export function createDoors(now: () => number = () => performance.now()): LoopDoors {
  const codec = new ValueCodec(100);
  const recorder = new Recorder();
  recorder.open(0, Number.POSITIVE_INFINITY);
  const verifier = new Verifier(codec, KEYS);
  return { now, codec, recorder, verifier, keys: new KeySpace(KEYS), sendLag: new SendLag(), history: null };
}

/** Streams of 30 % writes, half of everything weak. `wrap` may put a double before each session. */
export async function openStreams(
  client: Client,
  doors: LoopDoors,
  threads: number,
  wrap: (session: Session) => Session = (session) => session,
): Promise<Stream[]> {
  const streams: Stream[] = [];
  for (let thread = 0; thread < threads; thread++) {
    const { session, view } = await openStreamSession(client, doors.verifier);
    const workload = new Workload(MIX, new Zipf(KEYS, 0.9), doors.keys, [1, thread]);
    streams.push({ session: wrap(session), view, workload });
  }
  return streams;
}
