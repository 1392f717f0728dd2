// One witness core spoken to directly, for the rules that need no cluster. Answers come back as text: `accepted:3` is
// the status and the session's watermark.

import assert from 'node:assert/strict';
import type { WitnessInput, WitnessOutput } from '../../../protocol/core.js';
import type {
  CheckedWrite,
  ClusterConfig,
  RecordResponse,
  SessionWatermark,
  StartRequest,
  Write,
} from '../../../protocol/messages.js';
import { EpochStatus, RecordStatus } from '../../../protocol/messages.js';
import { WitnessCore, type WitnessOptions } from '../../../protocol/witness/witness-core.js';
import { CLUSTER, toBytes } from './story.js';

const STATUS_NAMES = new Map<number, string>(Object.entries(RecordStatus).map(([name, code]) => [code, name]));

/** A write as a client would send it: `mutations` are key → value. */
export function write(
  id: string,
  mutations: Record<string, string>,
  options: { weak?: boolean; committedThrough?: number } = {},
): CheckedWrite {
  const [session = 0, seq = 0] = id.split('#').map(Number);
  const list = Object.entries(mutations).map(([key, value]) => ({
    key: toBytes(key),
    value: toBytes(value),
    deletes: false,
  }));
  const strong = options.weak !== true;
  const command = { session, seq, strong, mutations: list, condition: undefined, ackedThrough: 0 };
  return {
    command,
    committedThrough: options.committedThrough ?? 0,
    bound: 0,
    dependencies: [],
  };
}

/** `session#seq` of a write. */
export function idOf({ command }: Write): string {
  return `${command?.session}#${command?.seq}`;
}

/** The start of w0, life 7, the only witness of a cluster that replica 0 leads. */
export function createStart(
  epoch: number,
  committed: SessionWatermark[] = [],
  change: Partial<ClusterConfig> = {},
): StartRequest {
  const witnesses = [{ id: 'w0', index: 0, address: '', incarnation: 7 }];
  const replicas = [{ id: 'r0', index: 0, address: '', incarnation: 1 }];
  const shape = { replicas, witnesses, fastQuorum: 1, leader: 0, natsUrl: '', version: 1 };
  const config = { clusterId: CLUSTER, epoch, status: EpochStatus.open, openSlot: 1, ...shape, ...change };
  return { config, witnessId: 'w0', committed };
}

/** A started witness, w0 of a cluster of one, led by replica 0 in epoch 1. */
export class LoneWitness {
  readonly core: WitnessCore;
  nowUs = 0;
  /** Ids that were reported to the leader as stale. */
  readonly reported: string[] = [];

  constructor(options: Partial<WitnessOptions> = {}) {
    this.core = new WitnessCore({ clusterId: CLUSTER, id: 'w0', incarnation: 7, shards: 4, ...options });
    this.start(1);
  }

  /** One turn. */
  step(...inputs: WitnessInput[]): WitnessOutput[] {
    const outputs: WitnessOutput[] = [];
    for (const input of [...inputs, { kind: 'turnEnd' } as const]) this.core.step(input, this.nowUs, outputs);
    for (const output of outputs) if (output.kind === 'collected') this.reported.push(...output.frame.stale.map(idOf));
    return outputs;
  }

  start(epoch: number, committed: SessionWatermark[] = [], change: Partial<ClusterConfig> = {}): WitnessOutput[] {
    return this.step({ kind: 'start', call: 1, request: createStart(epoch, committed, change) });
  }

  seal(epoch: number): WitnessOutput[] {
    return this.step({ kind: 'seal', call: 1, request: { clusterId: CLUSTER, epoch } });
  }

  /** Ids in the pool, as recovery reads them; null if it is refused. */
  recover(epoch: number): string[] | null {
    const [answer] = this.step({ kind: 'recoveryData', call: 1, request: { clusterId: CLUSTER, epoch } });
    return answer?.kind === 'recovered' ? answer.response.entries.map(idOf) : null;
  }

  /** All answers to one frame of records, in order: `session#seq status:watermark`. */
  recordAll(writes: CheckedWrite[], epoch = 1): string[] {
    return this.#frame(writes, epoch).recordReplies.map(({ session, seq, status, watermark }) => {
      return `${session}#${seq} ${STATUS_NAMES.get(status)}:${watermark}`;
    });
  }

  /** The answer to one record. */
  record(one: CheckedWrite, epoch = 1): string {
    const [first] = this.recordAll([one], epoch);
    return first?.split(' ')[1] ?? 'refused';
  }

  /** What is pending on a key, in arrival order, and the session's watermark. */
  check(session: number, key: string): { pending: string[]; watermark: number } {
    const checks = [{ nonce: 1, session, key: toBytes(key) }];
    const frame = { clusterId: CLUSTER, epoch: 1, clientId: 1, records: [], checks, trace: undefined };
    const [answer] = this.step({ kind: 'record', frame });
    assert.ok(answer?.kind === 'record');
    const [reply] = answer.frame.checkReplies;
    assert.ok(reply !== undefined);
    return { pending: reply.pending.map((id) => `${id.session}#${id.seq}`), watermark: reply.watermark };
  }

  collect(
    session: number,
    committedThrough: number,
    from: { epoch?: number; leader?: number; clusterId?: string } = {},
  ): WitnessOutput[] {
    const frame = {
      clusterId: CLUSTER,
      epoch: 1,
      leader: 0,
      ...from,
      committed: [{ session, committedThrough }],
      inquiry: undefined,
      expired: [],
    };
    return this.step({ kind: 'collect', frame });
  }

  tickAfter(us: number): void {
    this.nowUs += us;
    this.step({ kind: 'tick' });
  }

  #frame(records: CheckedWrite[], epoch: number): RecordResponse {
    const [answer] = this.step({
      kind: 'record',
      frame: { clusterId: CLUSTER, epoch, clientId: 1, records, checks: [], trace: undefined },
    });
    assert.ok(answer?.kind === 'record');
    return answer.frame;
  }
}
