// A witness in the simulator: the production core, its outputs sent to where they belong, and what its frames tell the
// census.

import type { Core, WitnessInput, WitnessOutput } from '../../protocol/core.js';
import { unreachable } from '../../protocol/core.js';
import { RecordStatus } from '../../protocol/messages.js';
import type { EventName } from './census.js';
import { describeCollectResponse, describeRecordResponse } from './describe.js';
import type { World } from './node.js';
import { SimulatedNode } from './node.js';
import { copyFrame } from './wire-copy.js';
import { WitnessDisk } from './witness-disk.js';

const STATUS_EVENTS = new Map<number, EventName>([
  [RecordStatus.accepted, 'accepted'],
  [RecordStatus.conflict, 'conflict'],
  [RecordStatus.gap, 'gap'],
  [RecordStatus.parked, 'parked'],
  [RecordStatus.full, 'full'],
  [RecordStatus.committed, 'alreadyCommitted'],
]);

/** One witness process. */
export class WitnessProcess extends SimulatedNode<WitnessInput, WitnessOutput> {
  /** Where the last collect frame of the newest epoch came from. */
  private collectSource = -1;
  private collectEpoch = 0;
  /** Unused in durability `memory`. */
  readonly disk: WitnessDisk;
  /** What it last answered to a coordinator. */
  private isSealed = false;

  constructor(
    readonly index: number,
    world: World,
    core: Core<WitnessInput, WitnessOutput>,
  ) {
    super(`w${index}`, world, core);
    this.disk = new WitnessDisk(world);
  }

  /** The process ends; what is on the disk stays. */
  crash(): void {
    const { census } = this.world;
    if (this.isSealed) census.count('sealedWitnessCrashed');
    census.count('unkeptBatchesLost', this.disk.crash());
    this.lose();
  }

  override restart(core: Core<WitnessInput, WitnessOutput>, tickUs: number): void {
    this.collectSource = -1;
    this.collectEpoch = 0;
    super.restart(core, tickUs);
  }

  protected override onInput(input: WitnessInput, from: number): void {
    if (input.kind === 'collect' && input.frame.epoch >= this.collectEpoch) {
      this.collectSource = from;
      this.collectEpoch = input.frame.epoch;
    }
  }

  protected override carryOut(output: WitnessOutput): void {
    const { world, name } = this;
    switch (output.kind) {
      case 'record': {
        for (const reply of output.frame.recordReplies) {
          const event = STATUS_EVENTS.get(reply.status);
          if (event === undefined) world.census.countOther(`recordStatus${reply.status}`);
          else world.census.count(event);
        }
        world.census.count('refused', output.frame.refusals.length);
        const frame = copyFrame(output.frame);
        world.toClient(name, output.client, { kind: 'record', frame }, () => describeRecordResponse(frame));
        return;
      }
      case 'collected': {
        const frame = copyFrame(output.frame);
        if (this.collectSource < 0) return;
        world.toReplica(name, this.collectSource, { kind: 'collected', frame }, () => describeCollectResponse(frame));
        return;
      }
      case 'persist':
        this.disk.write(output.batch, () => {
          for (const answer of output.then) this.carryOut(answer);
          this.input({ kind: 'persisted', number: output.batch.number });
        });
        return;
      case 'sealed':
      case 'started':
        this.isSealed = output.kind === 'sealed';
        world.answerCall(name, output);
        return;
      case 'recovered':
      case 'ended':
      case 'callRefused':
        world.answerCall(name, output);
        return;
      default:
        unreachable(output);
    }
  }
}
