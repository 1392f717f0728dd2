// Where the time of one operation goes, in the order in which it passes. The names and the form; nothing is measured here.

/** Stages of the answer that the operation had to wait for, from the SDK's taking it to the caller's promise. */
export const STAGES = [
  /** In the client: from the caller's word until the frame that holds it is about to be encoded. */
  'client queue',
  /** Encoded, through both kernels and the network, until the node's event loop could have read it. */
  'request transit',
  /** The node's event loop was busy with other things. */
  'node loop',
  /** The node decodes the frame. */
  'node decode',
  /** The node's core steps through the frame. */
  'node step',
  /** The rest of the node's turn, in which other frames are stepped through, until the answer is about to be encoded. */
  'node turn',
  /** The answer was not there at the end of the turn: replication, missing writes, a state that is not applied yet. */
  'node wait',
  /** The way back, or through NATS. */
  'answer transit',
  /** The client's event loop was busy with other things. */
  'client loop',
  /** The client decodes the frame. */
  'client decode',
  /** The client's core steps through the frame until it has the answer. */
  'client step',
] as const;

/** One of {@link STAGES}. */
export type StageName = (typeof STAGES)[number];

/** The time line of one operation. */
export interface TimeLine {
  /** Microseconds, in the order of {@link STAGES}. */
  readonly stagesUs: readonly number[];
  /** Whose answer was the last that was needed. */
  readonly role: 'replica' | 'witness';
  readonly node: number;
}

/** Microseconds under any stamp. */
export function coveredUs({ stagesUs }: TimeLine): number {
  return stagesUs.reduce((sum, us) => sum + us, 0);
}
