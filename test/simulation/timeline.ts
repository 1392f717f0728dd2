// Virtual time: a heap of what is going to happen, ordered by time and, at equal times, by the order of scheduling.
// Nothing here waits; a run takes as long as its events take to execute.

interface Scheduled {
  atUs: number;
  order: number;
  run: () => void;
}

/** The queue of events of one run. */
export class Timeline {
  /** Virtual microseconds since the start; never decreases. */
  nowUs = 0;
  private readonly heap: Scheduled[] = [];
  private scheduled = 0;

  /** Runs `run` after `delayUs` of virtual time, after everything that was scheduled earlier for the same time. */
  after(delayUs: number, run: () => void): void {
    const event = { atUs: this.nowUs + Math.max(0, Math.floor(delayUs)), order: this.scheduled++, run };
    const { heap } = this;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = event;
  }

  /** Executes the next event; false if none is left. */
  step(): boolean {
    const event = this.heap[0];
    if (event === undefined) return false;
    const last = this.heap.pop();
    if (last !== undefined && this.heap.length > 0) this.sink(last);
    this.nowUs = event.atUs;
    event.run();
    return true;
  }

  private sink(event: Scheduled): void {
    const { heap } = this;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = heap[childIndex];
      if (child === undefined) break;
      const right = heap[childIndex + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childIndex++;
      }
      if (isBefore(event, child)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = event;
  }
}

function isBefore(one: Scheduled, other: Scheduled): boolean {
  return one.atUs < other.atUs || (one.atUs === other.atUs && one.order < other.order);
}
