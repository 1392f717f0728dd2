// Which replica is closest, decided from measured distances alone. Pure; measuring is done elsewhere.

/** Replicas whose distances differ by less than this are equally close. */
export const EQUAL_DISTANCE_MS = 0.2;
/** A bound replica is left only for one that is at least this much closer. */
export const SWITCH_GAIN = 0.2;

/** A replica as the choice sees it. */
export interface Candidate {
  index: number;
  /** Median round trip, milliseconds; null if not measured. */
  distanceMs: number | null;
}

/**
 * The replica to bind to: the current one unless another is clearly closer, else one of the closest. Clients spread
 * over equally close ones by their id. Null if there is no candidate.
 */
export function chooseBound(candidates: readonly Candidate[], current: number | null, clientId: number): number | null {
  const measured = candidates.filter((candidate) => candidate.distanceMs !== null);
  const pool = measured.length > 0 ? measured : candidates;
  if (pool.length === 0) return null;
  const nearest = Math.min(...pool.map(distanceOf));
  const kept = candidates.find((candidate) => candidate.index === current);
  if (kept !== undefined && !isWorthLeaving(distanceOf(kept), nearest)) return kept.index;
  const equal = pool.filter((candidate) => distanceOf(candidate) <= nearest + EQUAL_DISTANCE_MS);
  return equal[hash(clientId) % equal.length]?.index ?? null;
}

function isWorthLeaving(currentMs: number, nearestMs: number): boolean {
  return nearestMs < currentMs * (1 - SWITCH_GAIN) && nearestMs < currentMs - EQUAL_DISTANCE_MS;
}

/** A replica that was not measured yet counts as close: it is not left before it was measured. */
function distanceOf(candidate: Candidate): number {
  return candidate.distanceMs ?? 0;
}

/** Spreads consecutive ids; ids may exceed 32 bits. */
function hash(id: number): number {
  const mixed = Math.imul((id % 0x1_0000_0000) ^ Math.floor(id / 0x1_0000_0000), 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
