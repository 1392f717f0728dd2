// A few sessions of their own beside a measured load: strong writes one after the other, each of a key that is written
// once, and weak writes and reads. Shows to the millisecond when nobody was served, and at the end what was lost. Issues
// too little to be load itself.

import { type Client, ClientError, connect, type ScanOutcome, type Session } from '../../client/index.js';

const STRONG_SESSIONS = 4;
const WEAK_SESSIONS = 2;
const DEADLINE_MS = 60_000;
const PAGE = 1000;

/** When something was answered, milliseconds of `performance.now()`. */
export interface Answer {
  atMs: number;
  isFast: boolean;
}

/** The probe of one cluster. Use once: `open`, `stop`. */
export class Probe {
  readonly strong: Answer[] = [];
  readonly weak: Answer[] = [];
  /** Operations that ended otherwise than answered, by code. */
  readonly errors = new Map<string, number>();
  readonly #client: Client;
  readonly #acknowledged = new Map<string, string>();
  readonly #loops: Promise<void>[] = [];
  #writes = 0;
  #isOver = false;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async open(target: string): Promise<Probe> {
    const probe = new Probe(await connect({ target, deadlineMs: DEADLINE_MS }));
    for (let count = 0; count < STRONG_SESSIONS; count++) probe.#run((session) => probe.#writeStrongly(session));
    for (let count = 0; count < WEAK_SESSIONS; count++) probe.#run((session) => probe.#writeWeakly(session));
    return probe;
  }

  /** First acknowledgements of weak writes so far, by the way they came. */
  get acks(): { nats: number; stream: number } {
    return this.#client.stats().acks;
  }

  /** Answers from `fromMs` up to `untilMs`. */
  static between(answers: readonly Answer[], fromMs: number, untilMs: number): Answer[] {
    return answers.filter(({ atMs }) => atMs >= fromMs && atMs < untilMs);
  }

  /** Milliseconds without a strong answer that began before `atMs` or within `withinMs` after it, the longest such. */
  longestGapMs(atMs: number, withinMs: number): number {
    let longest = 0;
    let last = Number.NEGATIVE_INFINITY;
    for (const answer of this.strong) {
      if (answer.atMs > atMs && last < atMs + withinMs) longest = Math.max(longest, answer.atMs - Math.max(last, atMs));
      last = answer.atMs;
    }
    return longest;
  }

  /** Ends the sessions and answers how many acknowledged strong writes are not there, or not as they were written. */
  async stop(): Promise<{ written: number; lost: number }> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    const session = await this.#client.session();
    const found = new Map<string, string>();
    let cursor: string | null = '';
    while (cursor !== null) {
      const from: { start: string } | { cursor: string } = cursor === '' ? { start: 'probe/' } : { cursor };
      const page: ScanOutcome = await session.scan({ ...from, end: 'probe0', limit: PAGE });
      for (const { key, value } of page.entries) found.set(Buffer.from(key).toString(), Buffer.from(value).toString());
      cursor = page.cursor;
    }
    await this.#client.close();
    const lost = [...this.#acknowledged].filter(([key, value]) => found.get(key) !== value).length;
    return { written: this.#acknowledged.size, lost };
  }

  #run(operate: (session: Session) => Promise<void>): void {
    const loop = async (): Promise<void> => {
      const session = await this.#client.session();
      while (!this.#isOver) {
        try {
          await operate(session);
        } catch (error) {
          if (!(error instanceof ClientError)) throw error;
          this.errors.set(error.code, (this.errors.get(error.code) ?? 0) + 1);
        }
      }
    };
    this.#loops.push(loop());
  }

  async #writeStrongly(session: Session): Promise<void> {
    const key = `probe/${++this.#writes}`;
    const value = `value of ${key}`;
    const { path } = await session.put(key, value);
    this.#acknowledged.set(key, value);
    this.strong.push({ atMs: performance.now(), isFast: path === 'fast' });
  }

  async #writeWeakly(session: Session): Promise<void> {
    const write = session.put('probed', `${++this.#writes}`, { consistency: 'weak' });
    await write.witnessed;
    await session.get('probed', { consistency: 'weak' });
    this.weak.push({ atMs: performance.now(), isFast: false });
  }
}
