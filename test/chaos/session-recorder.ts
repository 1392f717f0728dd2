// Writes what one session did into the history, in the order in which it was asked. An operation is written once it and
// all before it in the session are over: only then is it known which write a read came after, and in which slot a weak
// write is. Knows the form of a history and nothing of the store.

import type { HistoryEvent } from '../checkers/history.js';

/** An operation that was issued. Whoever answers it fills in the event, then says that it is over. */
export interface OpenEvent {
  event: HistoryEvent;
  isOver: boolean;
  /** Whether the session numbered it: a write that has or may have taken effect. */
  isNumbered: boolean;
}

/** The events of one session that are not written yet. */
export class SessionRecorder {
  readonly #session: number;
  readonly #write: (event: HistoryEvent) => void;
  #open: OpenEvent[] = [];
  #first = 0;
  #lastSeq = 0;

  constructor(session: number, write: (event: HistoryEvent) => void) {
    this.#session = session;
    this.#write = write;
  }

  /** Events that wait to be written; whoever issues operations bounds it. */
  get waiting(): number {
    return this.#open.length - this.#first;
  }

  /** An operation is issued now. */
  begin(asked: Pick<HistoryEvent, 'op' | 'consistency' | 'key' | 'invokeUs'> & Partial<HistoryEvent>): OpenEvent {
    const event: HistoryEvent = { session: this.#session, seq: 0, ...asked, outcome: 'failed', slot: 0, epoch: 0 };
    const open = { event, isOver: false, isNumbered: false };
    this.#open.push(open);
    return open;
  }

  /** Nothing more will be known of an operation. */
  finish(open: OpenEvent): void {
    open.isOver = true;
    for (let next = this.#open[this.#first]; next?.isOver; next = this.#open[this.#first]) {
      this.#first++;
      if (next.isNumbered) this.#lastSeq = next.event.seq;
      else next.event.seq = this.#lastSeq;
      this.#write(next.event);
    }
    if (this.#first > this.#open.length / 2) {
      this.#open = this.#open.slice(this.#first);
      this.#first = 0;
    }
  }
}
