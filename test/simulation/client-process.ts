// A client process in the simulator: the production session core, its frames sent to where they belong, its answers
// handed to the workload.

import type { ClientInput, ClientOutput, Core } from '../../protocol/core.js';
import { unreachable } from '../../protocol/core.js';
import type { ClusterConfig, SessionRequest } from '../../protocol/messages.js';
import { describeRecordRequest, describeSessionRequest } from './describe.js';
import { KnownMembers } from './members.js';
import type { World } from './node.js';
import { SimulatedNode } from './node.js';
import { copyFrame } from './wire-copy.js';

/** What comes back to the callers of a client process. */
export type CallerOutput = Extract<
  ClientOutput,
  { kind: 'numbered' | 'completed' | 'level' | 'refused' | 'failed' | 'resolved' | 'sessionExpired' }
>;

/** One client process. */
export class ClientProcess extends SimulatedNode<ClientInput, ClientOutput> {
  private readonly sentWrites = new Set<string>();
  private readonly members = new KnownMembers();

  constructor(
    readonly id: number,
    world: World,
    core: Core<ClientInput, ClientOutput>,
    private readonly onCallerOutput: (output: CallerOutput) => void,
  ) {
    super(`c${id}`, world, core);
  }

  /** Streams follow the configuration: one to another process at a place of the list has to be opened first. */
  protected override onInput(input: ClientInput): void {
    if (input.kind === 'config') this.follow(input.config);
  }

  /** Takes over where replicas stand; at first all streams are there. */
  follow(config: ClusterConfig, isFirst = false): void {
    const { timeline, random } = this.world;
    for (const replica of this.members.follow(config) ?? []) {
      if (isFirst) continue;
      timeline.after(0, () => this.input({ kind: 'replicaDown', replica }));
      timeline.after(1 + random.below(5000), () => this.input({ kind: 'replicaUp', replica }));
    }
  }

  /** Place of a process in the list that this client knows. */
  placeOf(process: number): number | undefined {
    return this.members.placeOf(process);
  }

  /** Streams to a replica broke, or were opened anew. */
  replicaInput(kind: 'replicaUp' | 'replicaDown', process: number): void {
    const replica = this.members.placeOf(process);
    if (replica !== undefined) this.input({ kind, replica });
  }

  protected override carryOut(output: ClientOutput): void {
    const { world, name } = this;
    switch (output.kind) {
      case 'session': {
        const frame = copyFrame(output.frame);
        this.observeWrites(frame, output.to);
        for (const to of output.to) {
          world.toReplica(name, this.members.processAt(to), { kind: 'session', frame }, () =>
            describeSessionRequest(frame),
          );
        }
        return;
      }
      case 'record': {
        const frame = copyFrame(output.frame);
        for (const to of output.to) {
          world.toMember(name, { epoch: frame.epoch, index: to }, { kind: 'record', frame }, () =>
            describeRecordRequest(frame),
          );
        }
        return;
      }
      case 'numbered':
      case 'completed':
      case 'level':
      case 'refused':
      case 'failed':
      case 'resolved':
      case 'sessionExpired':
        this.onCallerOutput(output);
        return;
      case 'attempt':
        // Nothing is traced in a simulation.
        return;
      case 'configWanted':
        world.wantConfig(this.id, output.epoch);
        return;
      default:
        unreachable(output);
    }
  }

  private observeWrites(frame: SessionRequest, to: readonly number[]): void {
    for (const { command } of frame.writes) {
      if (command === undefined) continue;
      for (const replica of to) {
        const sent = `${command.session}#${command.seq}>${replica}`;
        if (this.sentWrites.has(sent)) this.world.census.count('resend');
        else this.sentWrites.add(sent);
      }
    }
  }
}
