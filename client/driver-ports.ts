// What the driver needs of its neighbours: the session core that decides, and the streams that carry. Types only.

import type { ClientInput, ClientOutput, Core, SessionToken } from '../protocol/core.js';
import type { RecordRequest, SessionRequest } from '../protocol/messages.js';

/** What the driver needs of the session core beyond stepping it. */
export interface SessionCore extends Core<ClientInput, ClientOutput> {
  /** Operations that want time to pass: unanswered, or written and not known to be committed. */
  readonly underWay: number;
  /** Where a session stands and how many of its numbered writes are not known to be committed; undefined if unknown. */
  inspectSession(session: number): { writeSet: number; token: SessionToken } | undefined;
}

/** Where frames go. */
export interface FrameSender {
  sendSession(to: number[], frame: SessionRequest): void;
  sendRecord(to: number[], frame: RecordRequest): void;
  /** True while a stream that every operation needs takes no more; `resume` of the driver says when that is over. */
  isCongested(): boolean;
}
