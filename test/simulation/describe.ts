// Frames as one line of text each, for people who replay a seed. Says what a rule could depend on and leaves the rest
// out.

import type {
  AckBatch,
  Bytes,
  CollectRequest,
  CollectResponse,
  Command,
  CommandId,
  Inquiry,
  RecordRequest,
  RecordResponse,
  ReplicateRequest,
  ReplicateResponse,
  SessionRequest,
  SessionResponse,
  Write,
} from '../../protocol/messages.js';
import { RecordStatus } from '../../protocol/messages.js';

const decoder = new TextDecoder();

/** Bytes that are known to be text. */
export function describeBytes(bytes: Bytes): string {
  return decoder.decode(bytes);
}

/** `session#seq`. */
export function describeId(id: CommandId): string {
  return `${id.session}#${id.seq}`;
}

/** `session#seq` with what it changes; weak writes start with `w`. */
export function describeCommand(command: Command): string {
  const changes = command.mutations.map((m) => `${describeBytes(m.key)}=${m.deletes ? '∅' : describeBytes(m.value)}`);
  const condition = command.condition;
  const expected = condition === undefined ? '' : ` if ${condition.present ? describeBytes(condition.value) : '∅'}`;
  return `${command.strong ? 's' : 'w'}${describeId(command)}(${changes.join(',')}${expected})`;
}

function list<T>(label: string, items: readonly T[], describe: (item: T) => string): string {
  return items.length === 0 ? '' : ` ${label}[${items.map(describe).join(' ')}]`;
}

function describeWrite(write: Write): string {
  return write.command === undefined ? '?' : `${describeCommand(write.command)}≥${write.committedThrough}`;
}

/** Client to replica. */
export function describeSessionRequest(frame: SessionRequest): string {
  return (
    `session e${frame.epoch}` +
    list('writes', frame.writes, describeWrite) +
    list(
      'strong',
      frame.strongReads,
      (read) => `n${read.nonce} ${describeBytes(read.key)} s${read.session}≥${read.barrier}`,
    ) +
    list(
      'confirmed',
      frame.confirmedReads,
      (read) =>
        `n${read.nonce} ${describeBytes(read.key)} s${read.session}≥${read.barrier} covered${read.coveredThrough}`,
    ) +
    list(
      'weak',
      frame.weakReads,
      (read) =>
        `n${read.nonce} ${describeBytes(read.key)} token(${read.tokenEpoch},${read.tokenSlot}) cleared${read.cleared}`,
    ) +
    list('acks?', frame.ackQueries, describeId) +
    list('alive', frame.upkeep?.alive ?? [], String) +
    list('closed', frame.upkeep?.ended ?? [], String) +
    list('outcome?', frame.upkeep?.queries ?? [], describeId)
  );
}

/** Replica to client. */
export function describeSessionResponse(frame: SessionResponse): string {
  return (
    `session e${frame.epoch}` +
    list(
      'writes',
      frame.writeReplies,
      (reply) =>
        `${describeId(reply)}@${reply.slot}${reply.committed ? ' committed' : reply.ok ? ' ok' : ' conflict'}${reply.stale ? ' stale' : ''}≥${reply.committedThrough}`,
    ) +
    list('need', frame.needWrites, (need) => `${need.session}#${need.fromSeq}`) +
    list(
      'strong',
      frame.strongReadReplies,
      (reply) =>
        `n${reply.nonce} ${reply.present ? describeBytes(reply.value) : '∅'}@${reply.version}${reply.readFrom === undefined ? '' : ` from ${describeId(reply.readFrom)}`}${reply.committed ? ' committed' : ''}${reply.conflict ? ' conflict' : ''} pending[${reply.pending.map(describeId).join(' ')}]`,
    ) +
    list(
      'confirmed',
      frame.confirmedReadReplies,
      (reply) => `n${reply.nonce} ${reply.present ? describeBytes(reply.value) : '∅'}@${reply.version}`,
    ) +
    list(
      'weak',
      frame.weakReadReplies,
      (reply) =>
        `n${reply.nonce} ${reply.refer ? 'refer' : reply.present ? describeBytes(reply.value) : '∅'}@${reply.version} applied#${reply.sessionSeq}`,
    ) +
    list('acked', frame.weakAcks, describeId) +
    list('committed', frame.commitNotices, (notice) => `${notice.session}≥${notice.through}@${notice.slot}`) +
    list(
      'refused',
      frame.refusals,
      (refusal) => `${refusal.code} ${refusal.session}#${refusal.seq} n${refusal.nonce}`,
    ) +
    list('outcomes', frame.outcomes, (outcome) => `q${outcome.nonce} ${outcome.status}@${outcome.slot}`)
  );
}

function describeInquiry(inquiry: Inquiry | undefined): string {
  return inquiry === undefined ? '' : ` asks ${inquiry.number}[${inquiry.sessions.join(' ')}]`;
}

/** Leader to follower. */
export function describeReplicateRequest(frame: ReplicateRequest): string {
  const entries = list('entries', frame.entries, (entry) =>
    entry.expiry !== undefined
      ? `end(${entry.expiry.sessions.join(' ')}):e${entry.epoch}`
      : entry.command === undefined
        ? `own(e${entry.epoch})`
        : `${describeCommand(entry.command)}:e${entry.epoch}`,
  );
  const learner = frame.learner === 0 ? '' : ` to life ${frame.learner}`;
  const { snapshot } = frame;
  if (snapshot !== undefined) {
    return `replicate e${frame.epoch}${learner} part ${snapshot.number}${snapshot.isLast ? ', the last,' : ''} of slot ${snapshot.slot} commit ${frame.commitSlot} round ${frame.round}`;
  }
  return `replicate e${frame.epoch}${learner} after ${frame.prevSlot}(e${frame.prevEpoch})${entries} commit ${frame.commitSlot} open ${frame.openSlot} round ${frame.round}${describeInquiry(frame.inquiry)}`;
}

/** Follower to leader. */
export function describeReplicateResponse(frame: ReplicateResponse): string {
  return `replicated e${frame.epoch} ${frame.ok ? 'ok' : 'no'} match ${frame.matchSlot} round ${frame.round} life ${frame.incarnation}${frame.snapshotSlot === 0 ? '' : ` parts ${frame.snapshotParts} of ${frame.snapshotSlot}`}${list('relayed', frame.relayed, describeWrite)} inquiry ${frame.inquiry}`;
}

/** Client to witness. */
export function describeRecordRequest(frame: RecordRequest): string {
  return (
    `record e${frame.epoch}` +
    list('records', frame.records, describeWrite) +
    list('checks', frame.checks, (check) => `n${check.nonce} ${describeBytes(check.key)}`)
  );
}

const STATUS_NAMES = new Map<number, string>(Object.entries(RecordStatus).map(([name, code]) => [code, name]));

/** Witness to client. */
export function describeRecordResponse(frame: RecordResponse): string {
  return (
    `record e${frame.epoch} life ${frame.incarnation}` +
    list(
      'records',
      frame.recordReplies,
      (reply) => `${describeId(reply)} ${STATUS_NAMES.get(reply.status) ?? reply.status}≥${reply.watermark}`,
    ) +
    list(
      'checks',
      frame.checkReplies,
      (reply) => `n${reply.nonce} ≥${reply.watermark} pending[${reply.pending.map(describeId).join(' ')}]`,
    ) +
    list('refused', frame.refusals, (refusal) => `${refusal.code} ${refusal.session}#${refusal.seq}`)
  );
}

/** Leader to witness. */
export function describeCollectRequest(frame: CollectRequest): string {
  return `collect e${frame.epoch} by r${frame.leader}${list('committed', frame.committed, (mark) => `${mark.session}≥${mark.committedThrough}`)}${list('ended', frame.expired, String)}${describeInquiry(frame.inquiry)}`;
}

/** Witness to leader. */
export function describeCollectResponse(frame: CollectResponse): string {
  return `collected e${frame.epoch} life ${frame.incarnation}${list('stale', frame.stale, describeWrite)} inquiry ${frame.inquiry}`;
}

/** Replica to client over the bus. */
export function describeAckBatch(batch: AckBatch): string {
  return `acks e${batch.epoch} commit ${batch.commitSlot}${list('acked', batch.weakAcks, describeId)}${list('committed', batch.commitNotices, (notice) => `${notice.session}≥${notice.through}@${notice.slot}`)}`;
}
