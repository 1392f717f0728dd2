// What went over all streams of a node, added up when somebody asks, and how many operations clients put into a frame. Does
// not know what a frame says.

import type { TrafficFigures } from '../../proto/gen/curpho/v1/diagnostics.js';

/** What a set of streams has carried. */
export type CarriedFrames = Pick<TrafficFigures, 'framesIn' | 'framesOut' | 'bytesIn' | 'bytesOut'>;

/** Nothing so far. */
export function noFrames(): CarriedFrames {
  return { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };
}

/** Adds `more` to `into`. */
export function addFrames(into: CarriedFrames, more: CarriedFrames): void {
  into.framesIn += more.framesIn;
  into.framesOut += more.framesOut;
  into.bytesIn += more.bytesIn;
  into.bytesOut += more.bytesOut;
}

/** Counts the operations of clients, and the frames that they came in. Frames without any are of no account. */
export class OperationCounts {
  operationFrames = 0;
  operations = 0;

  addFrame(operations: number): void {
    if (operations === 0) return;
    this.operationFrames++;
    this.operations += operations;
  }
}

/** All of a node's streams together. */
export function sumTraffic(carried: readonly CarriedFrames[], counts: OperationCounts): TrafficFigures {
  const sum = noFrames();
  for (const part of carried) addFrames(sum, part);
  return { ...sum, operationFrames: counts.operationFrames, operations: counts.operations };
}
