// A session core that does what a test tells it to, and a sender that remembers. For tests of what surrounds the core.

import type { FrameSender, SessionCore } from '../../../client/driver-ports.js';
import type { Answer, ClientInput, ClientOutput, Operation, SessionToken } from '../../../protocol/core.js';
import type { RecordRequest, SessionRequest } from '../../../protocol/messages.js';

/** Numbers writes, keeps what it was given, and answers when the test says so. */
export class FakeCore implements SessionCore {
  readonly inputs: ClientInput[] = [];
  /** What the next step brings forth, whatever it is about. */
  readonly answers: ClientOutput[] = [];
  /** Writes beyond this many are kept without a number, or refused. */
  writeSetLimit = Number.POSITIVE_INFINITY;
  /** Whether they are kept. */
  keeps = false;
  private readonly kept: number[] = [];
  committedThrough = 0;
  private lastSeq = 0;
  private readonly submitted: number[] = [];

  step(input: ClientInput, _nowUs: number, outputs: ClientOutput[]): void {
    this.inputs.push(input);
    while (this.kept.length > 0 && this.lastSeq - this.committedThrough < this.writeSetLimit) {
      outputs.push({ kind: 'numbered', call: this.kept.shift() ?? 0, seq: ++this.lastSeq });
    }
    if (input.kind === 'abandon') this.takeBack(input.call, outputs);
    if (input.kind === 'submit') this.submitted.push(input.call);
    if (input.kind === 'submit') this.submit(input.call, input.operation, outputs);
    for (const answer of this.answers.splice(0)) outputs.push(this.addressed(answer));
  }

  /** Tests name calls by the order in which they were submitted. */
  private addressed(answer: ClientOutput): ClientOutput {
    if (!('call' in answer)) return answer;
    return { ...answer, call: this.submitted[answer.call - 1] ?? answer.call };
  }

  private submit(call: number, operation: Operation, outputs: ClientOutput[]): void {
    if (operation.kind === 'get' || operation.kind === 'scan') return;
    if (this.lastSeq - this.committedThrough >= this.writeSetLimit) {
      if (this.keeps) this.kept.push(call);
      else outputs.push({ kind: 'refused', call, reason: 'writeSetFull' });
    } else {
      outputs.push({ kind: 'numbered', call, seq: ++this.lastSeq });
    }
  }

  private takeBack(call: number, outputs: ClientOutput[]): void {
    const at = this.kept.indexOf(call);
    if (at < 0) return;
    this.kept.splice(at, 1);
    outputs.push({ kind: 'refused', call, reason: 'abandoned' });
  }

  get underWay(): number {
    return 0;
  }

  inspectSession(): { writeSet: number; token: SessionToken } {
    return { writeSet: this.lastSeq - this.committedThrough, token: { clusterId: 'c', epoch: 1, slot: 7 } };
  }

  /** Inputs of one kind so far. */
  of<Kind extends ClientInput['kind']>(kind: Kind): Extract<ClientInput, { kind: Kind }>[] {
    return this.inputs.filter((input): input is Extract<ClientInput, { kind: Kind }> => input.kind === kind);
  }
}

/** Remembers frames; congested when told so. */
export class FakeSender implements FrameSender {
  readonly sent: { to: number[]; frame: SessionRequest | RecordRequest }[] = [];
  congested = false;

  sendSession(to: number[], frame: SessionRequest): void {
    this.sent.push({ to, frame });
  }

  sendRecord(to: number[], frame: RecordRequest): void {
    this.sent.push({ to, frame });
  }

  isCongested(): boolean {
    return this.congested;
  }
}

/** An answer of the core with everything at rest but what is given. */
export function createAnswer(part: Partial<Answer> = {}): Answer {
  return {
    path: 'fast',
    slowReason: undefined,
    seq: 0,
    epoch: 1,
    slot: 1,
    applied: true,
    present: false,
    value: new Uint8Array(0),
    entries: [],
    more: false,
    resumeAfter: new Uint8Array(0),
    ...part,
  };
}

/** Resolves when the turn of the event loop is over and what it scheduled has run. */
export async function nextTurn(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  await new Promise<void>((resolve) => setImmediate(resolve));
}
