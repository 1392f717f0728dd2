// A coordinator in the simulator: the production core, its record in the bucket, its calls to nodes with attempts that
// run out of time. When it crashes only the bucket remembers.

import type { CoordinatorInput, CoordinatorOutput, StoredRecord } from '../../protocol/coordinator/types.js';
import { type Core, unreachable } from '../../protocol/core.js';
import { describeCommand } from './describe.js';
import type { CallAnswer, World } from './node.js';
import { SimulatedNode } from './node.js';
import type { RecordBucket } from './record-bucket.js';
import { copyFrame } from './wire-copy.js';

/** After this long an attempt has failed, whatever became of it. */
const ATTEMPT_US = 12_000;

type NodeCall = Extract<CoordinatorOutput, { attempt: number }>;
type CallerAnswer = Extract<CoordinatorOutput, { call: number }>;

/** One coordinator process. */
export class CoordinatorProcess extends SimulatedNode<CoordinatorInput, CoordinatorOutput> {
  /** Attempt of the present life by call number. */
  private attempts = new Map<number, number>();
  private askers = new Map<number, (answer: CallerAnswer) => void>();

  constructor(
    readonly index: number,
    world: World,
    core: Core<CoordinatorInput, CoordinatorOutput>,
    private readonly bucket: RecordBucket,
  ) {
    super(`k${index}`, world, core);
    bucket.watch((stored) => this.input({ kind: 'recordRead', stored }));
  }

  override restart(core: Core<CoordinatorInput, CoordinatorOutput>, tickUs: number): void {
    this.attempts = new Map();
    this.askers = new Map();
    super.restart(core, tickUs);
  }

  /** Asks the core; the answer comes at once or later in this life, or never. */
  ask(build: (call: number) => CoordinatorInput, onAnswer: (answer: CallerAnswer) => void): void {
    const call = this.world.nextCall();
    this.askers.set(call, onAnswer);
    this.input(build(call));
  }

  /** Whether a call was made by this life and is not answered yet. */
  awaits(call: number): boolean {
    return this.attempts.has(call);
  }

  /** A node's answer has arrived. */
  answered(answer: CallAnswer): void {
    const attempt = this.attempts.get(answer.call);
    if (attempt === undefined) return;
    this.attempts.delete(answer.call);
    if (answer.kind === 'callRefused' || answer.kind === 'ended') this.input({ kind: 'attemptFailed', attempt });
    else this.input({ ...answer, attempt } as CoordinatorInput);
  }

  protected override carryOut(output: CoordinatorOutput): void {
    const { world, name, life } = this;
    switch (output.kind) {
      case 'readRecord':
        this.bucket.read((stored) => this.inLife(life, { kind: 'recordRead', stored: stored as StoredRecord }));
        return;
      case 'writeRecord':
        this.bucket.write(output.expectedRevision, output.record, (revision) =>
          this.inLife(life, revision === null ? { kind: 'recordConflict' } : { kind: 'recordWritten', revision }),
        );
        return;
      case 'nodeSeen':
        for (let index = 0; index < world.plan.coordinators; index++) {
          if (index !== this.index) world.toCoordinator(name, index, output, () => `seen ${output.node.id}`);
        }
        return;
      case 'config':
        world.announce(name, copyFrame(output.config));
        return;
      case 'fence':
      case 'seal':
      case 'recoveryData':
      case 'lead':
      case 'admit':
      case 'start':
        this.callNode(output);
        return;
      case 'waiting':
        if (output.detail !== '') world.census.countOther('waiting');
        world.note(() => `${name} ${output.detail === '' ? 'waits no more' : `waits: ${output.detail}`}`);
        return;
      case 'stateDiffers':
      case 'halt':
        throw new Error(output.detail);
      case 'currentConfig':
      case 'watching':
      case 'registered':
      case 'heartbeatNoted':
      case 'sessionsOpened':
      case 'leaderTransferred':
      case 'callRefused':
        this.askers.get(output.call)?.(output);
        this.askers.delete(output.call);
        return;
      default:
        unreachable(output);
    }
  }

  private callNode(output: NodeCall): void {
    const { world, name, life } = this;
    const { attempt, address } = output;
    const call = world.nextCall();
    this.attempts.set(call, attempt);
    const index = Number(/\d+/.exec(address)?.[0]);
    if (output.kind === 'admit') {
      const request = copyFrame(output.request);
      const { id, index: place } = request.member ?? { id: '?', index: -1 };
      world.toReplica(name, index, { kind: 'admit', call, request }, () => `admit ${id} as ${place}`);
    } else if (output.kind === 'fence') {
      world.toReplica(name, index, { kind: 'fence', call, request: output.request }, () => 'fence');
    } else if (output.kind === 'lead') {
      const request = copyFrame(output.request);
      world.census.count('replayed', request.replay.length);
      const commands = request.replay.flatMap(({ command }) =>
        command === undefined ? [] : [describeCommand(command)],
      );
      world.toReplica(name, index, { kind: 'lead', call, request }, () => `lead, replay ${commands.join(' ')}`);
    } else {
      const { kind, request } = copyFrame(output);
      world.toWitness(name, index, { kind, call, request } as never, () => kind);
    }
    world.timeline.after(ATTEMPT_US, () => {
      if (this.life === life && this.attempts.delete(call)) this.inLife(life, { kind: 'attemptFailed', attempt });
    });
  }

  private inLife(life: number, input: CoordinatorInput): void {
    if (this.life === life) this.input(input);
  }
}
