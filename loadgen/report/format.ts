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

/** A rate in few digits, `52.5 k`, `850`, `1.2 M`. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 999_500) return `${(perSecond / 1e6).toFixed(1)} M`;
  if (perSecond >= 999.5) return `${(perSecond / 1000).toFixed(1)} k`;
  return String(Math.round(perSecond));
}

/** Milliseconds in three digits, without the unit: `1.16`, `18.9`, `240`. */
export function formatMsDigits(ms: number): string {
  if (ms >= 99.95) return String(Math.round(ms));
  return ms.toFixed(ms >= 9.995 ? 1 : 2);
}

/** A number as it stands on an axis: `0`, `0.5`, `20 k`, `2.5 k`. */
export function formatTick(value: number): string {
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(6))} M`;
  if (Math.abs(value) >= 1000) return `${Number((value / 1000).toPrecision(6))} k`;
  return String(Number(value.toPrecision(6)));
}

/** `1 stream`, `4 streams`. */
export function formatStreams(streams: number): string {
  return `${streams} stream${streams === 1 ? '' : 's'}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function joinWords(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
