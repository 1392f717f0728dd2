// Questions about writes whose outcome nobody learnt: asked through the session core, answered to whoever waits. Knows
// nothing of sessions or frames.

import type { ClientInput, ResolvedOutcome } from '../protocol/core.js';
import type { CommandId } from '../protocol/messages.js';
import { SlotTable } from '../protocol/slot-table.js';
import { ClientError } from './client-error.js';
import type { ConditionWaits } from './condition-waits.js';

/** Questions of one client process that may be open at once. */
const QUESTIONS_LIMIT = 4096;

/** How long to wait for an answer. */
export interface ResolveLimits {
  limitMs: number;
  signal: AbortSignal | undefined;
}

/** The open questions of one client process. */
export class Resolutions {
  private readonly questions = new SlotTable<{ outcome: ResolvedOutcome | null }>();

  constructor(
    private readonly feed: (input: ClientInput) => void,
    private readonly waits: ConditionWaits,
    private readonly isClosed: () => boolean,
  ) {}

  /**
   * What became of a write.
   * @throws ClientError `DEADLINE_EXCEEDED` after `limitMs`, `ABORTED`, `CLOSED`, `RESOURCE_EXHAUSTED`.
   */
  async ask(id: CommandId, settles: boolean, { limitMs, signal }: ResolveLimits): Promise<ResolvedOutcome> {
    if (this.isClosed()) throw new ClientError('CLOSED', 'the client was closed');
    if (this.questions.size >= QUESTIONS_LIMIT) {
      throw new ClientError('RESOURCE_EXHAUSTED', `resolve: ${QUESTIONS_LIMIT} are under way, which is the limit`);
    }
    const question: { outcome: ResolvedOutcome | null } = { outcome: null };
    const handle = this.questions.add(question);
    // Below zero, where no operation has its number.
    const call = -handle;
    this.feed({ kind: 'resolve', call, ...id, settles });
    const end = await this.waits.until(() => question.outcome !== null || this.isClosed(), limitMs, signal);
    this.questions.delete(handle);
    if (question.outcome !== null) return question.outcome;
    if (this.isClosed()) throw new ClientError('CLOSED', 'the client was closed');
    this.feed({ kind: 'abandon', call });
    const problem = `what became of write ${id.session}/${id.seq} is not known yet`;
    if (end === 'aborted')
      throw new ClientError('ABORTED', `${problem}: the signal was aborted`, { cause: signal?.reason });
    throw new ClientError('DEADLINE_EXCEEDED', `${problem}: deadlineMs passed`);
  }

  onResolved(call: number, outcome: ResolvedOutcome): void {
    const question = this.questions.get(-call);
    if (question !== undefined) question.outcome = outcome;
  }
}
