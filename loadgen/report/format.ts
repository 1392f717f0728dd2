// How figures look in reports: grouped thousands, signed percentages, units. Nothing here measures or decides.

/** 17948 as `17,948`. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** A share as a percentage, `28 %`; null as a dash. */
export function formatShare(share: number | null, digits = 0): string {
  return share === null ? '–' : `${(share * 100).toFixed(digits)} %`;
}

/** A change as a signed percentage, `+12 %`; null as a dash. */
export function formatChange(change: number | null): string {
  if (change === null || !Number.isFinite(change)) return '–';
  const percent = Math.round(change * 100);
  return `${percent > 0 ? '+' : ''}${percent} %`;
}

/** Milliseconds with two digits, `1.23 ms`; null as a dash. */
export function formatMs(ms: number | null): string {
  return ms === null ? '–' : `${ms.toFixed(2)} ms`;
}

/** Bytes as whole mebibytes. */
export function formatMib(bytes: number): string {
  return `${Math.round(bytes / (1 << 20))} MiB`;
}

/** Counts by name, the largest first: `leaderConflict 12, witnessGap 3`; `none` for none. */
export function formatCounts(counts: Record<string, number | undefined>): string {
  const entries = Object.entries(counts).map(([name, count]): [string, number] => [name, count ?? 0]);
  const sorted = entries.filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  return sorted.length === 0 ? 'none' : sorted.map(([name, count]) => `${name} ${formatCount(count)}`).join(', ');
}
