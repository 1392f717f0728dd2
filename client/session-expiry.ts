// How the end of a session that nobody closed looks to its caller: which of its writes may be lost, and the error that
// everything else of it fails with (E8). Decides nothing; the session core has.

import type { CommandId } from '../protocol/messages.js';
import { ClientError } from './client-error.js';
import type { SessionState } from './pending-call.js';

/** Notes that a session has ended, and which of its writes may be lost. */
export function onSessionExpired(session: SessionState | undefined, lost: readonly number[]): void {
  if (session !== undefined) session.lost = lost.map((seq) => ({ session: session.id, seq }));
}

/** The error of an operation of an expired session; `id` names a weak write that may be lost. */
export function expiredError({ id: session, lost }: SessionState, id: CommandId | undefined): ClientError {
  const seqs = (lost ?? []).slice(0, 16).map(({ seq }) => seq);
  const more = (lost?.length ?? 0) > seqs.length ? ', …' : '';
  const loss = seqs.length === 0 ? 'nothing of it is lost' : `its writes ${seqs.join(', ')}${more} may be lost`;
  if (id !== undefined) {
    const problem = `write ${session}/${id.seq} may be lost: its session has expired`;
    return new ClientError('SESSION_EXPIRED', problem, { id });
  }
  return new ClientError('SESSION_EXPIRED', `session ${session} has expired; ${loss}`);
}
