// The one form of a history: what every recorder writes and every checker reads. A line of JSON per operation, in
// any order. Keys and values are base64 of their bytes; values are unique per write.

/** How an operation ended, as its caller saw it. */
export type Outcome = 'ok' | 'failed' | 'unknown';

/** One operation. Times are microseconds of one clock. */
export interface HistoryEvent {
  /** Session that issued it. */
  session: number;
  /** Writes: the command's seq. Reads: the session's last write seq when the read was issued. */
  seq: number;
  op: 'put' | 'delete' | 'cas' | 'get' | 'scan' | 'batch';
  consistency: 'strong' | 'weak';
  /** Key; scan: first key, inclusive; batch: empty. */
  key: string;
  /** put, cas: the value written. */
  value?: string;
  /** cas: the value expected, null for absence. */
  expected?: string | null;
  /** batch: its changes. */
  writes?: { key: string; value: string | null }[];
  /** scan: last key, exclusive; empty for no end. */
  end?: string;
  /** scan: limit. */
  limit?: number;
  /**
   * What was answered. get: the value, null for absence. cas: `{applied, found}` (found: null for absence, only if not
   * applied). scan: the entries in key order and whether a limit cut it. Absent for puts, deletes and batches, and
   * whenever `outcome` is not `ok`.
   */
  result?:
    | string
    | null
    | { applied: boolean; found?: string | null }
    | { entries: { key: string; value: string }[]; more: boolean };
  invokeUs: number;
  /** Absent if it never returned. A weak write returns with its local acknowledgement. */
  returnUs?: number;
  /** `failed`: certainly not executed, now or later. `unknown`: perhaps executed, perhaps later. */
  outcome: Outcome;
  /** Slot that was answered, 0 if none. */
  slot: number;
  /** Epoch that answered, 0 if none. */
  epoch: number;
}

/** What a checker found wrong. Empty array: nothing. */
export interface Violation {
  /** Property that is broken: `linearizability`, `causal`, `session`, `exactly-once`, `hybrid`, … */
  property: string;
  /** A sentence with the keys, values and sessions involved. */
  detail: string;
  /** The operations that show it, fewest possible. */
  events: HistoryEvent[];
}

/** A checker. `finalState` (key to value, base64) is what all replicas ended with, where it is known. */
export type Checker = (history: readonly HistoryEvent[], finalState?: ReadonlyMap<string, string>) => Violation[];

/** Result of a checker that searches within a budget. */
export interface SearchResult {
  violations: Violation[];
  /** Searches that ended without a verdict because their budget was used up; nothing is reported for them. */
  exhausted: number;
}
