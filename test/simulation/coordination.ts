// The coordinators of one run, the bucket they share, and what nodes and clients have to do with them. The record begins
// with the members written and the first epoch to be led; gathering is not the simulator's subject.

import { CoordinatorCore } from '../../protocol/coordinator/coordinator-core.js';
import { hasLeader, isStarting } from '../../protocol/coordinator/record.js';
import { type CoordinatorRules, coordinatorRules } from '../../protocol/coordinator/rules.js';
import type { CoordinatorInput } from '../../protocol/coordinator/types.js';
import { NodeRole } from '../../protocol/coordinator/types.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { EpochStatus } from '../../protocol/messages.js';
import { CoordinatorProcess } from './coordinator-process.js';
import { processOf } from './members.js';
import { type MemberIdentity, Membership, type NodeReport, type StandingAnswer } from './membership.js';
import type { CallAnswer, World } from './node.js';
import { RecordBucket } from './record-bucket.js';
import { copyFrame } from './wire-copy.js';

/** How long a node may be silent. */
/** Silence after which a coordinator takes a node for lost. */
export const LIVENESS_US = 60_000;
const RETRY_US = 6000;
const TICK_US = 5000;
const CONFIG_RETRY_US = 50_000;

/** What a canary may replace here. */
export interface CoordinationRules {
  coordinator?: CoordinatorRules | undefined;
  /** D7: the bucket writes without comparing. */
  isBlind?: boolean | undefined;
}

/** A node that sends heartbeats. */
interface MemberProcess {
  name: string;
  index: number;
  isAlive: boolean;
  isPaused: boolean;
  report?(): NodeReport;
}

/** All coordinators. */
export class Coordination {
  readonly processes: CoordinatorProcess[] = [];
  private readonly bucket: RecordBucket;
  private readonly lives = new Map<string, MemberIdentity>();
  private readonly memberships = new Map<string, Membership>();
  /** Witnesses of each epoch that opened, by name. */
  private readonly witnesses = new Map<number, string[]>();
  /** Session ids that went out. */
  private readonly issued: { from: number; to: number }[] = [];
  /** Latest epoch in which a witness said that it has started. */
  private startedEpoch = 0;

  constructor(
    private readonly world: World,
    private readonly first: ClusterConfig,
    private readonly rules: CoordinationRules,
  ) {
    const { clusterId } = first;
    const record = { clusterId, sessionFloor: 1, config: first, recovery: undefined };
    this.bucket = new RecordBucket(world, record, rules.isBlind === true);
    this.bucket.observe(({ config }) => {
      if (config?.status === EpochStatus.open) this.witnesses.set(config.epoch, namesOf(config));
    });
    for (let index = 0; index < world.plan.coordinators; index++) {
      const process = new CoordinatorProcess(index, world, this.createCore(index), this.bucket);
      process.tickEvery(TICK_US);
      this.processes.push(process);
    }
  }

  /** Calls back whenever the record says that the witnesses of an epoch may start. */
  onStarting(then: () => void): void {
    this.bucket.observe(({ config }) => {
      if (config !== undefined && isStarting(config)) then();
    });
  }

  /** What the record says. */
  get config(): ClusterConfig {
    return this.bucket.stored.record?.config ?? this.first;
  }

  /** Process that the record wants to lead. */
  get leaderProcess(): number {
    const { replicas, leader } = this.config;
    const member = replicas[leader];
    return member === undefined ? -1 : processOf(member);
  }

  /** Members whose named life is there; what the record says is lost is as good as gone. */
  livingMembers(isAlive: (process: number) => boolean): number[] {
    return this.config.replicas
      .filter(({ id, incarnation }) => this.lives.get(id)?.incarnation === incarnation)
      .map(processOf)
      .filter(isAlive);
  }

  /** Whether the process of that name lives this life. */
  isLife(name: string, incarnation: number): boolean {
    return this.lives.get(name)?.incarnation === incarnation;
  }

  /** Whether a process lives under a name that the record gives to another life. */
  isOutside(name: string): boolean {
    const life = this.lives.get(name);
    return !this.config.replicas.some(({ incarnation }) => incarnation === life?.incarnation);
  }

  /** Begins a life of a node; all but the first have to be registered. */
  join(role: 'replica' | 'witness', node: MemberProcess, incarnation: number): void {
    const before = this.memberships.get(node.name);
    const port = before === undefined ? 1 : portOf(before.member) + 1;
    const member = { role: NodeRole[role], id: node.name, incarnation, address: `${node.name}:${port}` };
    const isNew = before !== undefined;
    const isSameLife = before?.member.incarnation === incarnation;
    this.lives.set(node.name, member);
    const isAlive = (): boolean => node.isAlive && this.lives.get(node.name) === member;
    const isPaused = (): boolean => node.isPaused;
    const report = (): NodeReport => node.report?.() ?? { epoch: 0, lostEpoch: 0, stateSlot: 0, stateHash: 0 };
    const standing = isSameLife ? before.standing : { sessionFloor: 0, lastOpen: undefined };
    const ends = { isAlive, isPaused, report };
    const membership = new Membership(this.world, member, ends, standing, (index, build, onAnswer) => {
      const process = this.processes[index];
      if (process === undefined) return;
      const answer = (output: StandingAnswer): void => {
        this.world.carry(
          process.name,
          node.name,
          isAlive,
          () => onAnswer(output),
          () => (output.kind === 'callRefused' ? output.refusal : 'noted'),
        );
      };
      const reach = (): void => process.ask(build, (output) => answer(output as StandingAnswer));
      this.world.carry(
        node.name,
        process.name,
        () => process.isAlive,
        reach,
        () => 'alive',
      );
    });
    this.memberships.set(node.name, membership);
    membership.begin(isNew);
  }

  /** A node hears of a configuration. */
  told(name: string, config: ClusterConfig): void {
    this.memberships.get(name)?.told(config);
  }

  /** Which witness had a place in an epoch; of one that never opened, as its record has it. */
  witnessAt(epoch: number, index: number): string | undefined {
    return this.witnesses.get(epoch)?.[index] ?? this.config.witnesses[index]?.id;
  }

  /** The place of a witness in the configuration that the record holds; -1 if it has none. */
  placeOf(name: string): number {
    return this.config.witnesses.findIndex(({ id }) => id === name);
  }

  /**
   * Whether a witness may lose its memory: enough others live on from which the epoch opened last can be recovered. While
   * there is none to recover and the next has not opened, all may, until one has started: it may open at any time then.
   */
  maySpare(name: string, enough: number): boolean {
    const { config, recovery } = this.bucket.stored.record ?? {};
    if (config === undefined) return false;
    const mayBeOpen = config.status === EpochStatus.open || this.startedEpoch === config.epoch;
    const needed = mayBeOpen ? config.witnesses : recovery?.opened?.witnesses;
    if (needed === undefined) return true;
    const left = needed.filter(({ id, incarnation }) => id !== name && this.lives.get(id)?.incarnation === incarnation);
    return left.length >= enough;
  }

  /** An operator asks some coordinator for another leader. */
  transferLeader(): void {
    const { random } = this.world;
    const process = random.pick(this.processes);
    if (!process.isAlive) return;
    const { clusterId, replicas } = this.config;
    const replicaId = random.pick(replicas).id;
    this.world.note(() => `${process.name} is asked to have ${replicaId} lead`);
    process.ask(
      (call) => ({ kind: 'transferLeader', call, request: { clusterId, replicaId } }),
      (answer) => this.world.census.countOther(answer.kind === 'callRefused' ? 'transferRefused' : 'transferAnswered'),
    );
  }

  /** A client asks some coordinator for session ids, which nobody else may have (F8). */
  openSessions(): void {
    const { random } = this.world;
    const process = random.pick(this.processes);
    if (!process.isAlive) return;
    const request = { clusterId: this.first.clusterId, count: random.between(1, 20) };
    process.ask(
      (call) => ({ kind: 'openSessions', call, request }),
      (answer) => {
        if (answer.kind !== 'sessionsOpened') return;
        this.world.census.count('sessionsOpened');
        const { firstSession: from, count } = answer.response;
        const other = this.issued.find((range) => range.from < from + count && from < range.to);
        if (other !== undefined) throw new Error(`F8: sessions from ${from} went out twice`);
        this.issued.push({ from, to: from + count });
      },
    );
  }

  /** The bucket is put back to an older snapshot while no coordinator runs. */
  rollBack(): void {
    const { random, census, timeline, network } = this.world;
    if (!network.isHostile) return;
    const { status, epoch, replicas } = this.config;
    const knowing = replicas.filter(({ id }) => this.memberships.get(id)?.standing.lastOpen?.epoch === epoch);
    // What no majority has heard of cannot be found again: that is for people.
    if (status !== EpochStatus.open || knowing.length <= replicas.length / 2) {
      timeline.after(2000, () => this.rollBack());
      return;
    }
    census.count('recordRolledBack');
    for (const process of this.processes) process.lose();
    this.bucket.rollBack();
    for (const process of this.processes) {
      timeline.after(random.below(20_000), () => {
        if (network.isHostile) this.revive(process);
      });
    }
  }

  /** A node's stream to a coordinator broke, as that coordinator sees it; often only because the network did so. */
  loseSight(name: string, coordinator = this.world.random.pick(this.processes)): void {
    const life = this.lives.get(name);
    if (life === undefined) return;
    const { role, id: nodeId, incarnation } = life;
    this.world.census.count('nodeLost');
    this.world.note(() => `${coordinator.name} loses sight of ${name}`);
    coordinator.input({ kind: 'nodeLost', role, nodeId, incarnation });
  }

  /** A coordinator crashes and comes back after a while. */
  strike(): void {
    const { random, census, timeline, network } = this.world;
    const process = random.pick(this.processes);
    if (!process.isAlive || !network.isHostile) return;
    census.count('coordinatorLost');
    process.lose();
    timeline.after(random.below(40_000), () => {
      if (network.isHostile) this.revive(process);
    });
  }

  /** Nothing is away or behind any more, and what is in force reaches those to whom the news of it got lost. */
  heal(): void {
    for (const process of this.processes) this.revive(process);
    this.bucket.tellAll();
    const { record } = this.bucket.stored;
    if (record?.config !== undefined && hasLeader(record)) this.world.announce('k0', record.config);
  }

  /** A node's answer to a call of whichever coordinator made it. */
  answerCall(from: string, answer: CallAnswer): void {
    if (answer.kind === 'started') this.startedEpoch = Math.max(this.startedEpoch, answer.response.epoch);
    const copy = copyFrame(answer);
    const process = this.processes.find((candidate) => candidate.awaits(copy.call));
    if (process === undefined) return;
    this.world.carry(
      from,
      process.name,
      () => process.isAlive,
      () => process.answered(copy),
      () => copy.kind,
    );
  }

  /** Asks some coordinator, and others later, until `isMoot`. */
  wantConfig(from: string, isMoot: () => boolean, onConfig: (from: string, config: ClusterConfig) => void): void {
    if (isMoot()) return;
    const { clusterId } = this.first;
    const process = this.world.random.pick(this.processes);
    const build = (call: number): CoordinatorInput => ({ kind: 'getConfig', call, clusterId });
    const ask = (): void =>
      process.ask(build, (answer) => {
        if (answer.kind === 'currentConfig' && answer.config !== undefined) onConfig(process.name, answer.config);
      });
    this.world.carry(
      from,
      process.name,
      () => process.isAlive,
      ask,
      () => 'config?',
    );
    this.world.timeline.after(CONFIG_RETRY_US, () => this.wantConfig(from, isMoot, onConfig));
  }

  private revive(process: CoordinatorProcess): void {
    if (process.isAlive) return;
    process.restart(this.createCore(process.index), TICK_US);
  }

  private createCore(index: number): CoordinatorCore {
    const { plan, random } = this.world;
    const rules = { ...(this.rules.coordinator ?? coordinatorRules), pickNext: (count: number) => random.below(count) };
    const settings = {
      ...{ clusterIdProposal: this.first.clusterId, name: `k${index}`, natsUrl: '', sessionLimit: 1_000_000_000 },
      ...{ replicas: plan.replicas, witnesses: plan.witnesses, fastQuorum: plan.fastQuorum },
      ...{ heartbeatUs: LIVENESS_US / 5, livenessUs: LIVENESS_US, retryUs: RETRY_US },
      ...{ replaceAfterUs: LIVENESS_US, streamGraceUs: plan.streamGraceUs },
    };
    return new CoordinatorCore(settings, rules);
  }
}

function namesOf({ witnesses }: ClusterConfig): string[] {
  return witnesses.map(({ id }) => id);
}

function portOf({ address }: MemberIdentity): number {
  return Number(address.slice(address.indexOf(':') + 1));
}
