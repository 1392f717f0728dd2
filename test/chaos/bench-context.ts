// What a measuring program is told and what it answers.

/** What a measuring program is told. */
export interface BenchContext {
  times: number;
  windowS: number;
  durationS: number;
  /** Sessions per load process. */
  threads: number;
  signal: AbortSignal;
  /** A line on how it is going. */
  log: (line: string) => void;
}

/** What it answers. */
export interface BenchReport {
  /** One table: every row has the same fields. */
  rows: Readonly<Record<string, unknown>>[];
  /** What else is worth keeping. */
  details: unknown;
  /** Nothing that was read was wrong, nothing acknowledged is gone. */
  isRight: boolean;
  /** What was to be measured did happen. */
  isComplete: boolean;
}
