// The streams of those who want to hear of configurations: clients, and nodes, whose streams also tell that they are
// gone. A node is gone when the last stream of its life breaks while this coordinator goes on. Knows no configuration.

import type { ServerWritableStream } from '@grpc/grpc-js';
import type { WatchRequest, WatchResponse } from '../../proto/gen/curpho/v1/coordinator.js';
import type { ClusterConfig } from '../../protocol/messages.js';

export type WatchCall = ServerWritableStream<WatchRequest, WatchResponse>;

/** One life of a node, as it said when it began to watch. */
export interface WatchingLife {
  role: number;
  nodeId: string;
  incarnation: number;
}

/** All watch streams of one coordinator. */
export class Watchers {
  readonly #calls = new Set<WatchCall>();
  readonly #onLost: (life: WatchingLife) => void;
  #isClosed = false;

  /** `onLost` hears of nodes only, not of clients. */
  constructor(onLost: (life: WatchingLife) => void) {
    this.#onLost = onLost;
  }

  /** Streams that are told. */
  get size(): number {
    return this.#calls.size;
  }

  /** Begins to tell a watcher; whatever ends its stream, it is forgotten. */
  add(call: WatchCall): void {
    this.#calls.add(call);
    const forget = (): void => this.#forget(call);
    call.on('cancelled', forget);
    call.on('close', forget);
    call.on('error', forget);
  }

  tell(config: ClusterConfig): void {
    for (const call of this.#calls) call.write({ config });
  }

  /** Ends all streams; nobody is taken for lost any more. */
  close(): void {
    this.#isClosed = true;
    for (const call of this.#calls) call.end();
  }

  #forget(call: WatchCall): void {
    if (!this.#calls.delete(call) || this.#isClosed) return;
    const { role, nodeId, incarnation } = call.request;
    if (nodeId === '') return;
    // A node that lost its stream may be back with another one before the first is known to be broken.
    const isThere = [...this.#calls].some(({ request }) => {
      return request.role === role && request.nodeId === nodeId && request.incarnation === incarnation;
    });
    if (!isThere) this.#onLost({ role, nodeId, incarnation });
  }
}
