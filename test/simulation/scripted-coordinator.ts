// The coordinator, played by the simulator: it opens the first epoch and changes views by the rules of the protocol
// (fence a majority, seal, read one pool, lead, open by compare-and-set, start new lives). Several view changes may
// overlap; only the one that still owns the record may open. Durability and elections are not its subject.

import type { ReplicaInput, WitnessInput } from '../../protocol/core.js';
import type { ClusterConfig, FenceResponse, LeadResponse, SealResponse, Write } from '../../protocol/messages.js';
import { EpochStatus } from '../../protocol/messages.js';
import { createQuorums } from '../../protocol/quorum.js';
import { describeCommand } from './describe.js';
import type { CallAnswer, World } from './node.js';
import { orderReplay } from './replay-order.js';
import { copyFrame } from './wire-copy.js';

/** How often an unanswered call is repeated. */
const CALL_RETRY_US = 15_000;

/** The cluster as a coordinator needs it. */
export interface CoordinatorPorts {
  world: World;
  /** Replicas that are not known to be lost. */
  liveReplicas(): number[];
  /** Tells a configuration to every client and replica, each after a delay of its own. */
  announce(config: ClusterConfig): void;
}

/** The one coordinator of a run. */
export class ScriptedCoordinator {
  /** The record: what compare-and-set works on. */
  config: ClusterConfig;
  /** Epoch that was last opened, 0 before the first. */
  lastOpened = 0;
  private calls = 0;
  private readonly waiting = new Map<number, (answer: CallAnswer) => boolean>();

  constructor(
    private readonly ports: CoordinatorPorts,
    first: ClusterConfig,
  ) {
    this.config = first;
  }

  /** Opens the first epoch. */
  bootstrap(): void {
    this.lead(this.config, []);
  }

  /** Begins a view change; one that is under way loses the record and can no longer open. */
  changeView(avoid: number): void {
    const { world } = this.ports;
    world.census.count('viewChange');
    if (this.config.status !== EpochStatus.open) world.census.count('viewChangeOvertaken');
    const config: ClusterConfig = {
      ...this.config,
      epoch: this.config.epoch + 1,
      status: EpochStatus.recovering,
      openSlot: 0,
    };
    this.config = config;
    world.note(() => `coordinator: epoch ${config.epoch} recovering`);
    if (world.random.chance(0.5)) this.ports.announce(config);
    this.fence(config, avoid);
  }

  /** An answer that came over the network. */
  answered(answer: CallAnswer): void {
    const take = this.waiting.get(answer.call);
    if (take?.(answer) === true) this.waiting.delete(answer.call);
  }

  private fence(config: ClusterConfig, avoid: number): void {
    const { world } = this.ports;
    const quorums = shapeOf(config);
    const fenced = new Map<number, FenceResponse>();
    // Fencing the old leader last makes its uncommitted tail matter less often, which is what tests the witnesses.
    const live = world.random.shuffle(this.ports.liveReplicas());
    const wanted = live.filter((index) => index !== avoid || live.length <= quorums.majority);
    for (const index of wanted) {
      const incarnation = config.replicas[index]?.incarnation ?? 0;
      const request = { clusterId: config.clusterId, epoch: config.epoch, incarnation };
      this.callReplica(
        index,
        (call) => ({ kind: 'fence', call, request }),
        (answer) => {
          if (answer.kind !== 'fenced') return false;
          if (answer.response.epoch !== config.epoch || fenced.size >= quorums.majority) return true;
          fenced.set(index, answer.response);
          if (fenced.size === quorums.majority) this.seal({ ...config, leader: longestLog(fenced) });
          return true;
        },
      );
    }
  }

  private seal(config: ClusterConfig): void {
    const { world } = this.ports;
    const quorums = shapeOf(config);
    const sealed = new Map<number, SealResponse>();
    const target = world.random.between(quorums.recovery, quorums.witnesses);
    const request = { clusterId: config.clusterId, epoch: config.epoch };
    const lifeEpoch = this.lastOpened;
    for (const index of world.random.shuffle(config.witnesses.map((member) => member.index)).slice(0, target)) {
      this.callWitness(
        index,
        (call) => ({ kind: 'seal', call, request }),
        (answer) => {
          if (answer.kind === 'callRefused') return true;
          if (answer.kind !== 'sealed') return false;
          if (answer.response.epoch !== config.epoch || sealed.has(index)) return true;
          world.census.count('sealed');
          sealed.set(index, answer.response);
          if (sealed.size === target) this.recover(config, sealed, lifeEpoch);
          return true;
        },
      );
    }
  }

  /** Reads the sealed pools. A witness that did not live in the epoch last opened counts as holding nothing. */
  private recover(config: ClusterConfig, sealed: Map<number, SealResponse>, lifeEpoch: number): void {
    const { world } = this.ports;
    const quorums = shapeOf(config);
    // With q = m one pool decides; which one must not matter.
    const sources = quorums.unanimous ? [world.random.pick([...sealed.keys()])] : [...sealed.keys()];
    const pools: Write[][] = [];
    const take = (entries: Write[]): void => {
      pools.push(entries);
      if (pools.length < sources.length) return;
      const replay = orderReplay(pools, quorums, world.random);
      world.census.count('replayed', replay.length);
      world.note(
        () =>
          `coordinator: replays ${replay.map(({ command }) => (command === undefined ? '?' : describeCommand(command))).join(' ')}`,
      );
      this.lead(config, replay);
    };
    const request = { clusterId: config.clusterId, epoch: config.epoch };
    for (const index of sources) {
      if (sealed.get(index)?.lifeEpoch !== lifeEpoch) {
        take([]);
        continue;
      }
      this.callWitness(
        index,
        (call) => ({ kind: 'recoveryData', call, request }),
        (answer) => {
          if (answer.kind === 'callRefused') return true;
          if (answer.kind !== 'recovered') return false;
          take(answer.response.entries);
          return true;
        },
      );
    }
  }

  private lead(config: ClusterConfig, replay: Write[]): void {
    if (this.config.epoch !== config.epoch) return;
    this.config = config;
    const request = copyFrame({ config, replay });
    let isLed = false;
    this.callReplica(
      config.leader,
      (call) => ({ kind: 'lead', call, request }),
      (answer) => {
        if (answer.kind !== 'led') return false;
        // An open slot of 0: superseded.
        if (!isLed && answer.response.openSlot > 0) this.open(config, answer.response);
        isLed = true;
        return true;
      },
      () => this.config.epoch !== config.epoch,
    );
  }

  /** The compare-and-set from recovering to open, then the new lives. */
  private open(recovering: ClusterConfig, led: LeadResponse): void {
    const { world } = this.ports;
    if (this.config.epoch !== recovering.epoch || this.config.status === EpochStatus.open) return;
    const config: ClusterConfig = copyFrame({ ...recovering, status: EpochStatus.open, openSlot: led.openSlot });
    this.config = config;
    this.lastOpened = config.epoch;
    world.note(() => `coordinator: epoch ${config.epoch} open at ${led.openSlot}, r${config.leader} leads`);
    this.ports.announce(config);
    const { committed } = copyFrame(led);
    for (const { id, index } of config.witnesses) {
      this.callWitness(
        index,
        (call) => ({ kind: 'start', call, request: { config, witnessId: id, committed } }),
        (answer) => answer.kind === 'started' || answer.kind === 'callRefused',
      );
    }
  }

  private callReplica(
    index: number,
    build: (call: number) => ReplicaInput,
    take: (answer: CallAnswer) => boolean,
    isMoot: () => boolean = () => false,
  ): void {
    const { world } = this.ports;
    this.call(
      (call) => {
        const input = build(call);
        world.toReplica('k', index, input, () => input.kind);
      },
      take,
      () => isMoot() || !this.ports.liveReplicas().includes(index),
    );
  }

  private callWitness(
    index: number,
    build: (call: number) => WitnessInput,
    take: (answer: CallAnswer) => boolean,
  ): void {
    const { world } = this.ports;
    this.call(
      (call) => {
        const input = build(call);
        world.toWitness('k', index, input, () => input.kind);
      },
      take,
      () => false,
    );
  }

  private call(send: (call: number) => void, take: (answer: CallAnswer) => boolean, isMoot: () => boolean): void {
    let isAnswered = false;
    const attempt = (): void => {
      if (isAnswered || isMoot()) return;
      const call = ++this.calls;
      this.waiting.set(call, (answer) => {
        // An earlier attempt's answer counts as well; the first one wins.
        if (isAnswered) return true;
        isAnswered = take(answer);
        return isAnswered;
      });
      send(call);
      this.ports.world.timeline.after(CALL_RETRY_US, attempt);
    };
    attempt();
  }
}

function shapeOf(config: ClusterConfig): ReturnType<typeof createQuorums> {
  const { replicas, witnesses, fastQuorum } = config;
  return createQuorums({ replicas: replicas.length, witnesses: witnesses.length, fastQuorum });
}

function longestLog(fenced: Map<number, FenceResponse>): number {
  let best = -1;
  let bestLog: FenceResponse = { epoch: 0, lastEpoch: -1, lastSlot: -1 };
  for (const [index, log] of fenced) {
    const isLonger =
      log.lastEpoch > bestLog.lastEpoch || (log.lastEpoch === bestLog.lastEpoch && log.lastSlot > bestLog.lastSlot);
    if (!isLonger) continue;
    best = index;
    bestLog = log;
  }
  return best;
}
