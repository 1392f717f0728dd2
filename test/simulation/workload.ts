// What callers do: every session keeps some operations in flight on a few hot keys, with values that are unique for
// each write, and writes down what it saw in the form that the checkers read. Knows the public operations, nothing of
// the protocol.

import { Buffer } from 'node:buffer';
import type { Answer, Operation, ResolvedOutcome } from '../../protocol/core.js';
import type { HistoryEvent } from '../checkers/history.js';
import type { CallerOutput, ClientProcess } from './client-process.js';
import type { World } from './node.js';
import type { OperationMix } from './plan.js';

const NO_BYTES = new Uint8Array(0);
const MIX_KINDS = ['put', 'get', 'delete', 'compareAndSet', 'batch', 'scan'] as const satisfies (keyof OperationMix)[];

/** One session's caller. */
interface Caller {
  session: number;
  client: ClientProcess;
  inFlight: number;
  /** Writes numbered so far. */
  seq: number;
  values: number;
  /** It was closed or has expired; its client process goes on in another one. */
  isOver: boolean;
  /** It makes no more operations, and is closed when the last one is answered. */
  isClosing: boolean;
}

/** An operation under way. */
interface Call {
  caller: Caller;
  event: HistoryEvent;
  operation: Operation;
  isDone: boolean;
  isWrite: boolean;
  isCommitted: boolean;
  /** When the caller was told that it is witnessed; infinity if it was not. */
  witnessedUs: number;
}

/** All callers of one run, and the history they make. */
export class Workload {
  readonly history: HistoryEvent[] = [];
  /** Writes of which it was said that they never take effect. */
  readonly never: HistoryEvent[] = [];
  private readonly callers: Caller[] = [];
  private readonly calls = new Map<number, Call>();
  private readonly keys: Uint8Array[];
  /** Last value that anybody saw or wrote, per key; compare-and-sets mostly expect it. */
  private readonly seen = new Map<string, Uint8Array | null>();
  /** Operations handed out so far. */
  submitted = 0;
  private lastStampUs = 0;
  private lastSession = 0;
  private isFinishing = false;
  private asked = 0;
  /** Questions about writes, by call: what is asked about, and who asked. */
  private readonly questions = new Map<number, { call: Call; client: ClientProcess }>();
  /** Operations to hand out. */
  private readonly limit: number;

  constructor(private readonly world: World) {
    this.limit = Math.min(world.plan.operations, world.plan.stopAfter);
    this.keys = Array.from({ length: world.plan.keys }, (_, index) => Buffer.from(`k${index}`));
  }

  /** Adds a session of a client process and starts its operations. */
  start(client: ClientProcess, session: number): void {
    const caller: Caller = { session, client, inFlight: 0, seq: 0, values: 0, isOver: false, isClosing: false };
    this.lastSession = Math.max(this.lastSession, session);
    this.callers.push(caller);
    client.input({ kind: 'openSession', session, token: null });
    this.fill(caller);
  }

  /** True once every operation of the plan was submitted or has nobody left to submit it. */
  get isExhausted(): boolean {
    return this.submitted >= this.limit || this.callers.every(({ client }) => !client.isAlive);
  }

  /** Operations of living callers that are not through: no answer, or a write not known to be committed. */
  unfinished(): string[] {
    const names: string[] = [];
    for (const { caller, event, isDone, isWrite, isCommitted } of this.calls.values()) {
      if (!caller.client.isAlive || (isDone && (isCommitted || !isWrite))) continue;
      names.push(`${event.consistency} ${event.op} ${event.session}#${event.seq}${isDone ? ' (not committed)' : ''}`);
    }
    for (const { call, client } of this.questions.values()) {
      if (client.isAlive) names.push(`what became of ${call.event.session}#${call.event.seq}`);
    }
    return names;
  }

  /** Sessions that somebody has open. */
  sessions(): { session: number; client: number }[] {
    return this.callers
      .filter(({ client, isOver }) => client.isAlive && !isOver)
      .map(({ session, client }) => ({ session, client: client.id }));
  }

  /**
   * Lets every session read every key strongly, so that the history says what became of the rest. Each also writes
   * once: collections travel with commits, so that a pool whose last collection was lost is emptied by the next one.
   */
  finish(): void {
    this.isFinishing = true;
    for (const caller of this.callers) {
      if (!caller.client.isAlive || caller.isOver) continue;
      this.askAboutDead(caller.client);
      for (const key of this.keys) this.submit(caller, { kind: 'get', strong: true, key });
      this.submit(caller, {
        kind: 'put',
        strong: true,
        key: this.world.random.pick(this.keys),
        value: this.newValue(caller),
      });
    }
  }

  /** What a client core has to say to its callers. */
  answered(output: CallerOutput): void {
    if (output.kind === 'sessionExpired') return this.expire(output.session, output.lost);
    if (output.kind === 'resolved') return this.resolved(output.call, output.outcome);
    const call = this.calls.get(output.call);
    if (call === undefined) throw new Error(`an answer to call ${output.call}, which nobody made`);
    switch (output.kind) {
      case 'numbered':
        this.number(call, output.seq);
        return;
      case 'completed':
        this.complete(call, output.answer);
        return;
      case 'level':
        if (output.level === 'witnessed') {
          this.world.census.count('witnessedLevel');
          call.witnessedUs = this.world.timeline.nowUs;
        }
        if (output.level === 'committed') {
          this.world.census.count('committedLevel');
          call.isCommitted = true;
        }
        return;
      case 'failed':
        if (output.reason === 'idReused') throw new Error(`${describeEvent(call.event)} has the id of another write`);
        this.fail(call);
        return;
      case 'refused':
        this.refuse(call);
    }
  }

  private fill(caller: Caller): void {
    const { plan, timeline, random } = this.world;
    while (
      caller.client.isAlive &&
      !this.isFinishing &&
      !caller.isOver &&
      !caller.isClosing &&
      caller.inFlight < plan.depth &&
      this.submitted < this.limit
    ) {
      this.submitted++;
      caller.inFlight++;
      const operation = this.draw(caller);
      if (plan.thinkUs === 0) this.submit(caller, operation);
      else timeline.after(random.below(plan.thinkUs), () => this.submit(caller, operation));
    }
  }

  private submit(caller: Caller, operation: Operation): void {
    if (!caller.client.isAlive) return;
    if (caller.isOver) {
      // Somebody else makes it.
      this.submitted--;
      caller.inFlight--;
      return;
    }
    const isWrite = operation.kind !== 'get' && operation.kind !== 'scan';
    const event: HistoryEvent = {
      session: caller.session,
      seq: isWrite ? 0 : caller.seq,
      consistency: operation.strong ? 'strong' : 'weak',
      ...describeOperation(operation),
      invokeUs: this.stamp(),
      // A write that has no number yet was certainly not executed.
      outcome: isWrite ? 'failed' : 'unknown',
      slot: 0,
      epoch: 0,
    };
    const number = this.calls.size + 1;
    const call: Call = { caller, event, operation, isDone: false, isWrite, isCommitted: false, witnessedUs: Infinity };
    this.calls.set(number, call);
    this.history.push(event);
    // Some compare-and-sets expect what is only being written: then their outcome rests on a foreign speculation (A10).
    if (operation.kind === 'put' && this.world.random.chance(0.3)) this.seen.set(event.key, operation.value);
    this.world.note(() => `${caller.client.name} call ${number}: ${describeEvent(event)}`);
    caller.client.input({ kind: 'submit', session: caller.session, call: number, operation, isTraced: false });
    const { random, timeline, plan } = this.world;
    if (!random.chance(plan.abandon)) return;
    timeline.after(random.below(10_000), () => this.abandon(call, number));
  }

  private abandon(call: Call, number: number): void {
    if (call.isDone || !call.caller.client.isAlive) return;
    this.world.census.count('abandoned');
    call.isDone = true;
    // A numbered write goes on, but nobody is told any more.
    call.isCommitted = true;
    call.caller.client.input({ kind: 'abandon', call: number });
    if (call.event.seq > 0 && call.isWrite && this.world.random.chance(0.5)) this.ask(call, call.caller.client, false);
    this.free(call.caller);
  }

  /** From here on the write may take effect: its history begins. */
  private number(call: Call, seq: number): void {
    const { caller, event } = call;
    caller.seq++;
    if (seq !== caller.seq) throw new Error(`session ${event.session}: write ${caller.seq} was numbered ${seq}`);
    event.seq = seq;
    event.outcome = 'unknown';
    event.invokeUs = this.stamp();
  }

  private complete(call: Call, answer: Answer): void {
    const { event, isWrite, caller } = call;
    if (call.isDone) return;
    if (isWrite && answer.seq !== event.seq) {
      throw new Error(`session ${event.session}: write ${event.seq} was numbered ${answer.seq}`);
    }
    call.isDone = true;
    event.returnUs = this.stamp();
    event.outcome = 'ok';
    event.slot = answer.slot;
    event.epoch = answer.epoch;
    this.takeResult(call, answer);
    this.observe(event, answer);
    // What a strong write answers survives; that it is also committed matters to nobody but the write set.
    if (event.consistency === 'strong') call.isCommitted = true;
    this.world.note(
      () =>
        `${caller.client.name} ${answer.path}${answer.slowReason === undefined ? '' : ` (${answer.slowReason})`}: ${describeEvent(event)} @${answer.slot}`,
    );
    this.free(caller);
  }

  private takeResult({ event, operation }: Call, answer: Answer): void {
    const found = answer.present ? answer.value : null;
    switch (operation.kind) {
      case 'get':
        event.result = found === null ? null : encode(found);
        this.seen.set(event.key, found);
        return;
      case 'compareAndSet':
        event.result = answer.applied
          ? { applied: true }
          : { applied: false, found: found === null ? null : encode(found) };
        this.seen.set(event.key, answer.applied ? operation.value : found);
        return;
      case 'scan':
        event.result = {
          entries: answer.entries.map(({ key, value }) => ({ key: encode(key), value: encode(value) })),
          more: answer.more,
        };
        return;
      case 'put':
        this.seen.set(event.key, operation.value);
        return;
      case 'delete':
      case 'batch':
    }
  }

  private observe(event: HistoryEvent, answer: Answer): void {
    const { census } = this.world;
    const isRead = event.op === 'get' || event.op === 'scan';
    if (answer.path === 'fast') census.count(isRead ? 'fastRead' : 'fastWrite');
    else if (answer.path === 'weak') census.count(isRead ? 'weakRead' : 'weakWrite');
    else census.count('slowPath');
    if (answer.slowReason !== undefined) census.countOther(`slow.${answer.slowReason}`);
    if (event.op === 'scan' || event.op === 'batch' || event.op === 'delete') census.count(event.op);
    if (event.op === 'cas') census.count(answer.applied ? 'casApplied' : 'casFailed');
  }

  /** Nothing was numbered, nothing was sent. */
  private refuse(call: Call): void {
    const { event } = call;
    const isWrite = event.op !== 'get' && event.op !== 'scan';
    if (isWrite && event.seq !== 0)
      throw new Error(`write ${event.session}#${event.seq} was refused after it was numbered`);
    event.returnUs = this.stamp();
    this.world.census.countOther('writeRefused');
    const wasDone = call.isDone;
    call.isDone = true;
    call.isCommitted = true;
    if (!wasDone) this.free(call.caller);
  }

  private free(caller: Caller): void {
    caller.inFlight--;
    const { plan, random, timeline } = this.world;
    if (caller.isOver || !caller.client.isAlive) return;
    if (plan.sessionChurn > 0 && !this.isFinishing && random.chance(plan.sessionChurn)) caller.isClosing = true;
    if (!caller.isClosing) timeline.after(1, () => this.fill(caller));
    else if (caller.inFlight === 0) timeline.after(1, () => this.close(caller));
  }

  /** Closes a session with nothing in flight, and goes on in another one. */
  private close(caller: Caller): void {
    if (caller.isOver || !caller.client.isAlive) return;
    this.world.census.count('sessionClosed');
    caller.isOver = true;
    caller.client.input({ kind: 'closeSession', session: caller.session });
    this.start(caller.client, ++this.lastSession);
    this.askAboutDead(caller.client);
  }

  /** Nobody will be told what became of it. */
  private fail(call: Call): void {
    const { event, caller } = call;
    if (event.outcome === 'unknown' && call.isWrite) this.world.census.count('outcomeUnknown');
    const wasDone = call.isDone;
    call.isDone = true;
    call.isCommitted = true;
    this.world.note(() => `${caller.client.name} fails: ${describeEvent(event)}`);
    if (!wasDone) this.free(caller);
  }

  /** The cluster has ended a session; which of its writes survive is for `noteLosses` to say. */
  private expire(session: number, lost: readonly number[]): void {
    this.world.census.count('sessionExpired');
    this.world.note(() => `session ${session} has expired; perhaps lost: ${lost.join(' ')}`);
    for (const call of this.calls.values()) {
      if (call.event.session !== session || !lost.includes(call.event.seq) || !call.isWrite) continue;
      call.isCommitted = true;
    }
    const caller = this.callers.find((one) => one.session === session);
    if (caller === undefined || caller.isOver) return;
    caller.isOver = true;
    this.world.timeline.after(1, () => {
      caller.client.input({ kind: 'closeSession', session });
      if (caller.client.isAlive) this.start(caller.client, ++this.lastSession);
    });
  }

  /**
   * E8: of a session that has ended, a weak write that was only ever acknowledged by one replica may be lost. One that was
   * witnessed before the end was put into a log may not, whatever its client was told; those are returned.
   */
  noteLosses(endings: ReadonlyMap<number, number>, hasEnded: (session: number) => boolean): HistoryEvent[] {
    const kept: HistoryEvent[] = [];
    const doubtful = new Map<number, number>();
    for (const { event, isWrite } of this.calls.values()) {
      if (!isWrite || event.outcome !== 'unknown') continue;
      doubtful.set(event.session, Math.min(event.seq, doubtful.get(event.session) ?? event.seq));
    }
    for (const { event, isWrite, witnessedUs } of this.calls.values()) {
      const isAcknowledged = isWrite && event.consistency === 'weak' && event.outcome === 'ok';
      if (!isAcknowledged || !hasEnded(event.session)) continue;
      if (event.slot > 0 || witnessedUs < (endings.get(event.session) ?? 0)) {
        // Nothing is ordered past a hole: it is only as good as the session's earlier writes.
        if (event.seq < (doubtful.get(event.session) ?? Number.POSITIVE_INFINITY)) kept.push(event);
        continue;
      }
      event.outcome = 'unknown';
      delete event.returnUs;
    }
    return kept;
  }

  /** Somebody wants to know what became of a write of a client that is gone. */
  private askAboutDead(client: ClientProcess): void {
    const isAsked = new Set([...this.questions.values()].map(({ call }) => call));
    for (const call of this.calls.values()) {
      const { event, caller, isWrite } = call;
      if (!isWrite || event.outcome !== 'unknown' || caller.client.isAlive || isAsked.has(call)) continue;
      if (this.world.random.chance(0.3)) this.ask(call, client, this.world.random.chance(0.5));
    }
  }

  private ask(call: Call, client: ClientProcess, settles: boolean): void {
    const { session, seq } = call.event;
    const number = -++this.asked;
    this.questions.set(number, { call, client });
    client.input({ kind: 'resolve', call: number, session, seq, settles });
  }

  private resolved(number: number, outcome: ResolvedOutcome): void {
    const question = this.questions.get(number);
    if (question === undefined) throw new Error(`an answer to question ${number}, which nobody asked`);
    this.questions.delete(number);
    const { event, operation } = question.call;
    this.world.note(() => `${question.client.name} learns: ${outcome.status} ${describeEvent(event)}`);
    if (outcome.status === 'sessionEnded') return;
    this.world.census.count('resolved');
    if (event.outcome !== 'unknown') return;
    if (outcome.status === 'notExecuted') {
      if (!outcome.isFinal) return;
      this.world.census.count('resolvedNever');
      // Not `failed`: its own session may have seen it while it was pending.
      this.never.push(event);
      return;
    }
    if (operation.kind === 'compareAndSet') {
      const { result } = outcome;
      if (result === undefined) return;
      const found = result.present ? encode(result.value) : null;
      event.result = result.applied ? { applied: true } : { applied: false, found };
    }
    event.outcome = 'ok';
    event.returnUs = this.stamp();
    event.slot = outcome.slot;
  }

  private draw(caller: Caller): Operation {
    const { plan, random } = this.world;
    const kind = MIX_KINDS[random.weighted(MIX_KINDS.map((name) => plan.mix[name]))] ?? 'get';
    const strong = random.chance(plan.strong);
    const key = random.pick(this.keys);
    switch (kind) {
      case 'put':
        return { kind, strong, key, value: this.newValue(caller) };
      case 'get':
      case 'delete':
        return { kind, strong, key };
      case 'compareAndSet':
        return { kind, strong: true, key, expected: this.expect(key), value: this.newValue(caller) };
      case 'batch': {
        const keys = random.shuffle(this.keys).slice(0, random.between(1, 3));
        const writes = keys.map((one) => ({ key: one, value: random.chance(0.2) ? null : this.newValue(caller) }));
        return { kind, strong, writes };
      }
      case 'scan':
        return {
          kind,
          strong,
          start: random.chance(0.5) ? NO_BYTES : key,
          end: random.chance(0.5) ? NO_BYTES : random.pick(this.keys),
          limit: random.between(1, 5),
          byteLimit: 1 << 16,
        };
    }
  }

  private expect(key: Uint8Array): Uint8Array | null {
    if (this.world.random.chance(0.1)) return null;
    return this.seen.get(encode(key)) ?? null;
  }

  private newValue(caller: Caller): Uint8Array {
    return Buffer.from(`${caller.session}.${++caller.values}`);
  }

  /** Times of the history never repeat, so that what followed an answer is never taken for concurrent with it. */
  private stamp(): number {
    this.lastStampUs = Math.max(this.lastStampUs + 1, this.world.timeline.nowUs);
    return this.lastStampUs;
  }
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function decode(text: string | null | undefined): string {
  return text === null || text === undefined ? '∅' : Buffer.from(text, 'base64').toString();
}

function describeOperation(operation: Operation): Pick<HistoryEvent, 'op' | 'key'> & Partial<HistoryEvent> {
  switch (operation.kind) {
    case 'put':
      return { op: 'put', key: encode(operation.key), value: encode(operation.value) };
    case 'get':
    case 'delete':
      return { op: operation.kind, key: encode(operation.key) };
    case 'compareAndSet': {
      const { key, expected, value } = operation;
      return {
        op: 'cas',
        key: encode(key),
        expected: expected === null ? null : encode(expected),
        value: encode(value),
      };
    }
    case 'batch': {
      const writes = operation.writes.map(({ key, value }) => ({
        key: encode(key),
        value: value === null ? null : encode(value),
      }));
      return { op: 'batch', key: '', writes };
    }
    case 'scan':
      return { op: 'scan', key: encode(operation.start), end: encode(operation.end), limit: operation.limit };
  }
}

/** An operation, and its answer once it has one, as text. */
export function describeEvent(event: HistoryEvent): string {
  const { consistency, op, session, seq, key, result } = event;
  const subject = event.writes?.map((write) => `${decode(write.key)}=${decode(write.value)}`).join(',') ?? decode(key);
  const value = event.value === undefined ? '' : `=${decode(event.value)}`;
  const expected = op === 'cas' ? ` if ${decode(event.expected)}` : '';
  return `${consistency} ${op} ${session}#${seq} ${subject}${value}${expected}${result === undefined ? '' : ` → ${describeResult(result)}`}`;
}

function describeResult(result: NonNullable<HistoryEvent['result']> | null): string {
  if (result === null || typeof result === 'string') return decode(result);
  if ('applied' in result) return result.applied ? 'applied' : `found ${decode(result.found)}`;
  return `{${result.entries.map(({ key, value }) => `${decode(key)}=${decode(value)}`).join(' ')}}${result.more ? '…' : ''}`;
}
