// What a run found out beside its points, for guesses that its points cannot answer. The form only.

/** What was tried once the points were measured. */
export interface Probes {
  /** What two processes exchange over loopback on this machine, at frames about as large as the run's; null if it failed. */
  loopback: { frameBytes: number; framesPerSecond: number; mibPerSecond: number } | null;
  /** Change of throughput from 512 to 32,768 shards, one figure per pair of runs; empty where none came about. */
  shards: number[];
  /** What went wrong, as sentences. */
  failures: string[];
}
