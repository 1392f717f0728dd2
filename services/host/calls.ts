// Calls that a core answers later: numbered when they come in, held until the core says so, forgotten when the caller
// has given up. Does not know what is asked.

import type { ServerErrorResponse } from '@grpc/grpc-js';
import { statusOf } from '../../proto/status.js';
import { describeSenderFault } from './stream-rules.js';

/** What is needed of a gRPC call to hold it. */
export interface HoldableCall<Request> {
  readonly request: Request;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** How a held call is answered: with an error or with a response. */
export type CallAnswer<Response> = (error: Partial<ServerErrorResponse> | null, response?: Response) => void;

/** The calls of one method that wait for a node's core. */
export class HeldCalls<Response> {
  private readonly held = new Map<number, CallAnswer<Response>>();

  /** `nextNumber` gives each call a number that no other call of the node has. */
  constructor(private readonly nextNumber: () => number) {}

  /** Calls that wait. */
  get size(): number {
    return this.held.size;
  }

  /**
   * Holds a call and hands its number to `submit`, which gives the request to the core. A fault of the caller that
   * `submit` throws is answered at once.
   */
  hold<Request>(
    call: HoldableCall<Request>,
    answer: CallAnswer<Response>,
    submit: (request: Request, number: number) => void,
  ): void {
    const number = this.nextNumber();
    this.held.set(number, answer);
    call.on('cancelled', () => this.held.delete(number));
    try {
      submit(call.request, number);
    } catch (error) {
      const fault = describeSenderFault(error);
      if (fault === null) throw error;
      this.refuse(number, fault);
    }
  }

  /** The core answered; nothing happens if the caller has given up. */
  answer(number: number, response: Response): void {
    this.take(number)?.(null, response);
  }

  /** The core refused; false if no call of that number waits here. */
  refuse(number: number, reason: Pick<ServerErrorResponse, 'code' | 'details'>): boolean {
    const answer = this.take(number);
    answer?.(reason);
    return answer !== undefined;
  }

  /** The node is going away. */
  refuseAll(): void {
    for (const number of [...this.held.keys()]) this.refuse(number, statusOf('draining'));
  }

  private take(number: number): CallAnswer<Response> | undefined {
    const answer = this.held.get(number);
    this.held.delete(number);
    return answer;
  }
}
