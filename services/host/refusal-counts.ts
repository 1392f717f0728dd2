// How often a node refused its clients something, by reason. A frame without refusals costs one test.

import { RefusalCode } from '../../protocol/messages.js';

/** Counts the refusals in frames that leave. */
export class RefusalCounts {
  private readonly byCode = new Map<number, number>();

  add(refusals: readonly { code: number }[]): void {
    if (refusals.length === 0) return;
    for (const { code } of refusals) this.byCode.set(code, (this.byCode.get(code) ?? 0) + 1);
  }

  /** Since the start, `refused.<reason>`; those of reasons that this version does not know are `refused.other`. */
  stats(): Record<string, number> {
    const stats: Record<string, number> = {};
    let known = 0;
    for (const [name, code] of Object.entries(RefusalCode)) {
      const count = this.byCode.get(code) ?? 0;
      stats[`refused.${name}`] = count;
      known += count;
    }
    const all = [...this.byCode.values()].reduce((sum, count) => sum + count, 0);
    return { ...stats, 'refused.other': all - known };
  }
}
