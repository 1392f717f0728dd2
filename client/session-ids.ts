// Session ids for this process, fetched from the coordinator in ranges that grow with demand. Ids that are never used
// are lost, which is harmless: there are 2^53 of them.

import type { CoordinatorLink } from './transport/coordinator-link.js';

const FIRST_RANGE = 4;
const LARGEST_RANGE = 256;

/** Hands out each id once. */
export class SessionIds {
  private readonly link: CoordinatorLink;
  private next = 0;
  private end = 0;
  private rangeSize = FIRST_RANGE;
  private fetching: Promise<void> | null = null;

  constructor(link: CoordinatorLink) {
    this.link = link;
  }

  /** An id that nobody ever had. Fails like a call to the coordinator. */
  async take(deadlineMs: number): Promise<number> {
    while (this.next >= this.end) {
      this.fetching ??= this.fetch(deadlineMs).finally(() => {
        this.fetching = null;
      });
      await this.fetching;
    }
    return this.next++;
  }

  private async fetch(deadlineMs: number): Promise<void> {
    const { first, count } = await this.link.openSessions(this.rangeSize, deadlineMs);
    this.next = first;
    this.end = first + count;
    this.rangeSize = Math.min(this.rangeSize * 4, LARGEST_RANGE);
  }
}
