// One run: a cluster of production cores with its clients in virtual time, first under faults, then healed until
// everything is quiet. What comes out is a history for the checkers, what the replicas ended with, and what did not
// come to rest.

import { Buffer } from 'node:buffer';
import type { CoordinatorRules } from '../../protocol/coordinator/rules.js';
import type { CoordinatorInput } from '../../protocol/coordinator/types.js';
import type { ClientInput, ReplicaInput, WitnessInput } from '../../protocol/core.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { EpochStatus } from '../../protocol/messages.js';
import type { ReplicaImage } from '../../protocol/replica/persistence.js';
import { ReplicaCore } from '../../protocol/replica/replica-core.js';
import { type ReplicaRules, replicaRules } from '../../protocol/replica/rules.js';
import { ClientCore } from '../../protocol/session/client-core.js';
import type { SessionRules } from '../../protocol/session/rules.js';
import type { WitnessImage } from '../../protocol/witness/persistence.js';
import type { WitnessRules } from '../../protocol/witness/rules.js';
import { WitnessCore } from '../../protocol/witness/witness-core.js';
import type { HistoryEvent } from '../checkers/history.js';
import { Census } from './census.js';
import { ClientProcess } from './client-process.js';
import { Coordination } from './coordination.js';
import { Executions } from './executions.js';
import { Faults } from './faults.js';
import { clusterIdOf, createFirstConfig } from './first-config.js';
import { Network } from './network.js';
import type { CallAnswer, World } from './node.js';
import type { SimulationPlan } from './plan.js';
import { SeededRandom } from './random.js';
import { ReplicaLosses } from './replica-losses.js';
import { ReplicaProcess } from './replica-process.js';
import { Timeline } from './timeline.js';
import { WitnessProcess } from './witness-process.js';
import { describeEvent, Workload } from './workload.js';

/** Rules that take the place of the real ones; for canaries. */
export interface ReplacedRules {
  replica?: ReplicaRules;
  witness?: WitnessRules;
  session?: SessionRules;
  coordinator?: CoordinatorRules;
  /** D7: the bucket writes without comparing. */
  isBlind?: boolean;
  /** C5: replicas' disks keep keys before they keep sessions. */
  tearsCheckpoints?: boolean;
}

/** What a run left behind. */
export interface SimulationResult {
  plan: SimulationPlan;
  history: HistoryEvent[];
  /** What every replica holds at the end; base64 of key to base64 of value. Empty if the replicas differ. */
  finalState: Map<string, string>;
  /** What should have come to rest and did not, as sentences; empty if all is well. */
  unrest: string[];
  /** Executions that should not have been or that are missing, as sentences. */
  faults: string[];
  census: Census;
  /** Virtual microseconds. */
  durationUs: number;
}

/** How a run is made. */
export interface SimulationOptions {
  plan: SimulationPlan;
  rules?: ReplacedRules;
  /** Takes a line for every message and answer, also if a core throws; costs time. */
  transcript?: string[];
}

/** Longest hostile phase. */
const HOSTILE_US = 1_500_000;
/** Longest time from healing to rest. */
const REST_US = 6_000_000;
const REST_CHECK_US = 25_000;
const NODE_TICK_US = 10_000;
const CLIENT_TICK_US = 5_000;

/** Runs a plan to its end. Throws what a core throws. */
export function runSimulation(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run();
}

class Simulation implements World {
  readonly plan: SimulationPlan;
  readonly timeline = new Timeline();
  readonly random: SeededRandom;
  readonly census = new Census();
  readonly network: Network;
  private readonly transcript: string[] | null;
  private readonly replicas: ReplicaProcess[] = [];
  private readonly replicaIndexes = new Map<string, number>();
  private readonly replicaCores: ReplicaCore[] = [];
  private readonly witnesses: WitnessProcess[] = [];
  private readonly witnessCores: WitnessCore[] = [];
  /** Incarnations of the witnesses. */
  private readonly witnessLives: number[] = [];
  private readonly clients = new Map<string, ClientProcess>();
  private readonly clientCores: ClientCore[] = [];
  private readonly coordination: Coordination;
  private readonly rules: ReplacedRules;
  private readonly workload: Workload;
  private readonly faults: Faults;
  private readonly losses: ReplicaLosses;
  private isOver = false;
  private unrest: string[] = [];
  private calls = 0;
  /** Of the last list that was announced. */
  /** Where members were, by incarnation, as the latest list that was announced has it. */
  private places = new Map<string, string>();
  private version = 1;
  private readonly executions = new Executions();
  /** When the end of a session was first seen in a log. */
  private readonly endings = new Map<number, number>();

  constructor({ plan, rules = {}, transcript }: SimulationOptions) {
    this.plan = plan;
    this.rules = rules;
    this.random = new SeededRandom(plan.seed, plan.salt === 0 ? 0 : 2_000_000 + plan.salt);
    this.transcript = transcript ?? null;
    const { timeline, random, census } = this;
    this.network = new Network({ timeline, random, census, ...plan });
    const config = createFirstConfig(plan);
    this.createNodes(config);
    this.coordination = new Coordination(this, config, rules);
    this.workload = new Workload(this);
    this.createClients(config, rules);
    const clients = [...this.clients.values()];
    this.faults = new Faults(this, {
      replicas: this.replicas,
      witnesses: this.witnesses,
      clients,
      coordination: this.coordination,
      restartWitness: (index) => this.restartWitness(index),
      reviveWitness: (index) => this.reviveWitness(index),
      restartReplica: (index) => this.restartReplica(index),
    });
    this.losses = new ReplicaLosses(this, {
      ...{ replicas: this.replicas, coordination: this.coordination, faults: this.faults },
      restartReplica: (index) => this.beginReplicaAnew(index),
    });
  }

  run(): SimulationResult {
    const { plan, timeline } = this;
    this.faults.connect();
    for (const node of this.replicas) this.coordination.join('replica', node, 100 + node.index);
    for (const node of this.witnesses) this.coordination.join('witness', node, 100 + node.index);
    let session = 0;
    for (const client of this.clients.values()) {
      this.faults.bind(client);
      for (let count = 0; count < plan.sessionsPerClient; count++) this.workload.start(client, ++session);
    }
    this.faults.begin();
    this.scheduleStrikes();
    this.awaitExhaustion(HOSTILE_US);
    while (!this.isOver && timeline.step());
    return this.result();
  }

  note(describe: () => string): void {
    this.transcript?.push(`${String(this.timeline.nowUs).padStart(9)} ${describe()}`);
  }

  toReplica(from: string, index: number, input: ReplicaInput, describe: () => string): void {
    this.send(from, this.replicas[index], input, describe);
  }

  toWitness(from: string, index: number, input: WitnessInput, describe: () => string): void {
    this.send(from, this.witnesses[index], input, describe);
  }

  toMember(from: string, place: { epoch: number; index: number }, input: WitnessInput, describe: () => string): void {
    const name = this.coordination.witnessAt(place.epoch, place.index);
    const node = this.witnesses.find((witness) => witness.name === name);
    this.send(from, node, input, describe);
  }

  toClient(from: string, id: number, input: ClientInput, describe: () => string): void {
    this.send(from, this.clients.get(`c${id}`), input, describe);
  }

  toCoordinator(from: string, index: number, input: CoordinatorInput, describe: () => string): void {
    this.send(from, this.coordination.processes[index], input, describe);
  }

  publish(from: string, id: number, input: ClientInput, describe: () => string): void {
    const node = this.clients.get(`c${id}`);
    if (node === undefined) return;
    const { epoch } = this.coordination.config;
    this.network.publish(() => {
      if (this.coordination.config.epoch > epoch) this.census.count('ackOfOldEpoch');
      this.note(() => `${from}⇝${node.name} ${describe()}`);
      node.input(input);
    });
  }

  noteEnding(session: number): void {
    if (this.endings.has(session)) return;
    this.census.count('sessionEnded');
    this.endings.set(session, this.timeline.nowUs);
  }

  nextCall(): number {
    return ++this.calls;
  }

  answerCall(from: string, answer: CallAnswer): void {
    this.coordination.answerCall(from, answer);
  }

  onAdmitted(leader: number): void {
    this.census.count('admitted');
    const process = this.replicas[leader];
    if (process !== undefined) this.losses.onAdmitted(process);
  }

  wantConfig(id: number, epoch: number): void {
    const client = this.clients.get(`c${id}`);
    const core = this.clientCores[id - 1];
    if (client === undefined || core === undefined) return;
    this.coordination.wantConfig(
      client.name,
      () => !client.isAlive || core.epoch >= epoch,
      (from, config) => this.sendConfig(from, client, config),
    );
  }

  private send<Input>(
    from: string,
    node: { name: string; isAlive: boolean; input(input: Input, from?: number): void } | undefined,
    input: Input,
    describe: () => string,
  ): void {
    if (node === undefined) return;
    const source = this.replicaIndexes.get(from) ?? -1;
    const deliver = (): void => node.input(input, source);
    this.carry(from, node.name, () => node.isAlive, deliver, describe);
  }

  carry(from: string, to: string, isThere: () => boolean, deliver: () => void, describe: () => string): void {
    this.network.send(from, to, () => {
      if (!isThere()) return;
      this.note(() => `${from}→${to} ${describe()}`);
      deliver();
    });
  }

  private createNodes({ replicas, witnesses }: ClusterConfig): void {
    const spareReplicas = Array.from({ length: this.plan.spares }, (_, at) => replicas.length + at);
    const lives = [...replicas, ...spareReplicas.map((index) => ({ index, incarnation: 100 + index }))];
    for (const { index, incarnation } of lives) {
      const core = this.createReplica(index, incarnation);
      const node = new ReplicaProcess(index, this, core, this.rules.tearsCheckpoints === true);
      node.tickEvery(NODE_TICK_US + index);
      this.replicas.push(node);
      this.replicaIndexes.set(node.name, index);
      this.replicaCores.push(core);
    }
    const spares = Array.from({ length: this.plan.spareWitnesses }, (_, count) => witnesses.length + count);
    for (const index of [...witnesses.map((member) => member.index), ...spares]) {
      const incarnation = 100 + index;
      const core = this.createWitness(index, incarnation);
      const node = new WitnessProcess(index, this, core);
      node.tickEvery(NODE_TICK_US + index);
      this.witnesses.push(node);
      this.witnessCores.push(core);
      this.witnessLives.push(incarnation);
    }
  }

  /** A replica begins another life, with nothing. */
  private beginReplicaAnew(index: number): void {
    const node = this.replicas[index];
    if (node === undefined) return;
    const incarnation = 1000 + this.nextCall();
    const core = this.createReplica(index, incarnation);
    this.replicaCores[index] = core;
    node.revive(core, NODE_TICK_US + index);
    this.coordination.join('replica', node, incarnation);
  }

  private createReplica(index: number, incarnation: number, image?: ReplicaImage): ReplicaCore {
    const { shards, descriptorLimit, logKeptEntries, logEntriesLimit, durability, checkpointEntries } = this.plan;
    const { relayAfterUs, sessionLeaseUs, isTight } = this.plan;
    return new ReplicaCore({
      ...{ clusterId: clusterIdOf(this.plan), id: `r${index}`, incarnation, shards, descriptorLimit },
      ...{ weakWaitUs: 20_000, relayAfterUs, sessionLeaseUs, logKeptEntries, logEntriesLimit },
      ...{ durability, checkpointEntries, image, snapshotPartBytes: 120 },
      ...(isTight ? { parkedLimit: 4, heldLimit: 6, weakReadLimit: 3 } : {}),
      rules: this.executions.watch(this.rules.replica ?? replicaRules),
    });
  }

  /** A replica goes on with what is on its disk, which makes it the same life; it has to ask for the configuration. */
  private restartReplica(index: number): void {
    const node = this.replicas[index];
    if (node === undefined) return;
    const incarnation = 100 + index;
    const core = this.createReplica(index, incarnation, node.kept.image());
    this.replicaCores[index] = core;
    node.revive(core, NODE_TICK_US + index);
    this.coordination.join('replica', node, incarnation);
    let isTold = false;
    const isMoot = (): boolean => isTold || !node.isAlive || this.replicaCores[index] !== core;
    this.coordination.wantConfig(node.name, isMoot, (from, config) => {
      const tell = (): void => {
        isTold = true;
        node.input({ kind: 'config', config });
      };
      this.carry(
        from,
        node.name,
        () => !isMoot(),
        tell,
        () => `config e${config.epoch}`,
      );
    });
  }

  private createWitness(index: number, incarnation: number, image?: WitnessImage): WitnessCore {
    return new WitnessCore({
      ...{ clusterId: clusterIdOf(this.plan), id: `w${index}`, incarnation, shards: this.plan.shards },
      ...{ staleAfterUs: this.plan.relayAfterUs, durability: this.plan.durability, ...(image && { image }) },
      ...(this.plan.isTight ? { poolLimit: 6, parkedLimit: 2 } : {}),
      ...(this.rules.witness === undefined ? {} : { rules: this.rules.witness }),
    });
  }

  /** A witness begins another life, with nothing. */
  private restartWitness(index: number): void {
    const node = this.witnesses[index];
    if (node === undefined) return;
    node.disk.wipe();
    this.witnessLives[index] = 1000 + this.nextCall();
    this.reviveWitness(index);
  }

  /** A witness goes on with what is on its disk. */
  private reviveWitness(index: number): void {
    const node = this.witnesses[index];
    const incarnation = this.witnessLives[index];
    if (node === undefined || incarnation === undefined) return;
    const core = this.createWitness(index, incarnation, node.disk.image);
    this.witnessCores[index] = core;
    node.restart(core, NODE_TICK_US + index);
    this.coordination.join('witness', node, incarnation);
  }

  private createClients(config: ClusterConfig, rules: ReplacedRules): void {
    const { clusterId } = config;
    for (let clientId = 1; clientId <= this.plan.clients; clientId++) {
      const core = new ClientCore({
        ...{ clusterId, clientId, config, writeSetLimit: this.plan.writeSetLimit },
        ...{ ackWaitUs: 20_000, retryUs: 50_000, aliveEveryUs: this.plan.sessionLeaseUs / 4 },
        ...(rules.session === undefined ? {} : { rules: rules.session }),
      });
      const client = new ClientProcess(clientId, this, core, (output) => this.workload.answered(output));
      client.tickEvery(CLIENT_TICK_US + clientId);
      client.follow(config, true);
      this.clients.set(client.name, client);
      this.clientCores.push(core);
    }
  }

  /** What a list has that the one before had not: other lives among the replicas, other addresses of the same lives. */
  private countMembers({ version, replicas, witnesses }: ClusterConfig): void {
    if (version <= this.version && this.places.size > 0) return;
    const before = this.places;
    const lives = [replicas, witnesses].flatMap((members) =>
      members.map(({ id, incarnation, address }) => [`${id} ${incarnation}`, address] as const),
    );
    this.places = new Map(lives);
    this.version = version;
    if (before.size === 0) return;
    const isNew = ([life]: readonly [string, string]): boolean => !before.has(life);
    this.census.count('memberExchanged', lives.slice(0, replicas.length).filter(isNew).length);
    const hasMoved = ([life, address]: readonly [string, string]): boolean =>
      before.has(life) && before.get(life) !== address;
    this.census.count('memberMoved', lives.filter(hasMoved).length);
  }

  announce(from: string, config: ClusterConfig): void {
    this.countMembers(config);
    const spreadUs = this.network.isHostile ? this.plan.announceUs : 500;
    for (const node of this.replicas) {
      this.timeline.after(this.random.below(spreadUs), () => {
        if (!node.isAlive) return;
        this.coordination.told(node.name, config);
        node.input({ kind: 'config', config });
      });
    }
    for (const client of this.clients.values()) {
      this.timeline.after(this.random.below(spreadUs), () => this.sendConfig(from, client, config));
    }
  }

  private sendConfig(from: string, client: ClientProcess, config: ClusterConfig): void {
    this.carry(
      from,
      client.name,
      () => client.isAlive,
      () => {
        client.input({ kind: 'config', config });
        // Whoever has a place now is called there.
        for (const { index } of config.witnesses) client.input({ kind: 'witnessUp', witness: index });
      },
      () => {
        return `config e${config.epoch} ${config.status === EpochStatus.open ? 'open' : 'recovering'}`;
      },
    );
  }

  /** View changes and losses fall at random points of the workload, not of time. */
  private scheduleStrikes(): void {
    const { plan, random, timeline, workload } = this;
    const strikes: { at: number; strike: () => void }[] = [];
    const draw = (): number => random.between(1, plan.operations - 1);
    for (let count = 0; count < plan.viewChanges; count++)
      strikes.push({ at: draw(), strike: () => this.faults.strikeLeader() });
    for (let count = 0; count < plan.witnessRestarts; count++)
      strikes.push({ at: draw(), strike: () => this.faults.strikeWitness() });
    for (let count = 0; count < plan.witnessCrashes; count++)
      strikes.push({ at: draw(), strike: () => this.faults.strikeWitnessDisks() });
    if (plan.durability === 'disk') {
      const { replicaCrashes } = this.faults;
      const add = (count: number, strike: () => void): void => {
        for (let left = count; left > 0; left--) strikes.push({ at: draw(), strike });
      };
      add(plan.replicaCrashes, () => replicaCrashes.strike());
      add(plan.powerLosses, () => replicaCrashes.cutPower());
      add(plan.diskObstructions, () => replicaCrashes.obstruct());
    }
    for (let count = 0; count < plan.clientLosses; count++)
      strikes.push({ at: draw(), strike: () => this.faults.strikeClient() });
    // What is on a disk is not lost; in durability `disk` replicas end and go on (see above).
    for (let count = plan.durability === 'memory' ? plan.replicaRestarts : 0; count > 0; count--)
      strikes.push({ at: draw(), strike: () => this.losses.strikeReplica() });
    for (let count = 0; count < plan.isolations; count++)
      strikes.push({ at: draw(), strike: () => this.losses.isolate() });
    for (let count = 0; count < plan.leaderTransfers; count++)
      strikes.push({ at: draw(), strike: () => this.coordination.transferLeader() });
    for (let count = 0; count < plan.sessionCalls; count++)
      strikes.push({ at: draw(), strike: () => this.coordination.openSessions() });
    for (let count = 0; count < plan.recordRollbacks; count++)
      strikes.push({ at: draw(), strike: () => this.coordination.rollBack() });
    strikes.sort((one, other) => one.at - other.at);
    const watch = (): void => {
      while (strikes[0] !== undefined && workload.submitted >= strikes[0].at) strikes.shift()?.strike();
      if (strikes.length > 0 && this.network.isHostile) timeline.after(500, watch);
    };
    watch();
  }

  private awaitExhaustion(untilUs: number): void {
    if (!this.workload.isExhausted && this.timeline.nowUs < untilUs) {
      this.timeline.after(5000, () => this.awaitExhaustion(untilUs));
      return;
    }
    this.note(() => 'everything heals');
    this.faults.heal();
    this.losses.heal();
    this.coordination.heal();
    this.awaitRest(this.timeline.nowUs + REST_US, false);
  }

  private awaitRest(untilUs: number, isFinishing: boolean): void {
    this.timeline.after(REST_CHECK_US, () => {
      this.unrest = this.findUnrest();
      if (isFinishing) this.unrest.push(...this.findFullPools(), ...this.findLeftSessions());
      if (this.unrest.length === 0 && !isFinishing) {
        this.workload.finish();
        this.awaitRest(this.timeline.nowUs + REST_US, true);
        return;
      }
      this.isOver = this.unrest.length === 0 || this.timeline.nowUs >= untilUs;
      if (!this.isOver) this.awaitRest(untilUs, isFinishing);
    });
  }

  private findUnrest(): string[] {
    const unrest: string[] = [];
    const { config } = this.coordination;
    if (config.status !== EpochStatus.open) unrest.push(`epoch ${config.epoch} never opened`);
    const unfinished = this.workload.unfinished();
    if (unfinished.length > 0)
      unrest.push(`${unfinished.length} operations are not through: ${unfinished.slice(0, 5).join(', ')}`);
    for (const { session, client } of this.workload.sessions()) {
      const writeSet = this.clientCores[client - 1]?.inspectSession(session)?.writeSet ?? 0;
      if (writeSet > 0) unrest.push(`the write set of session ${session} holds ${writeSet} writes`);
    }
    for (const { id, incarnation } of config.replicas) {
      const process = this.replicas.find(({ name }) => name === id);
      const isBack = this.coordination.isLife(id, incarnation);
      if (process?.isAlive === true && !isBack) unrest.push(`${id} is there again and no member`);
    }
    return [...unrest, ...this.findDifferences()];
  }

  /** A witness that came back too late for the last epoch still holds what it was sealed with. */
  private findFullPools(): string[] {
    return this.witnessCores.flatMap((core, index) => {
      const { poolEntries = 0 } = core.stats();
      const isMember = core.isRecording && core.epoch === this.coordination.config.epoch;
      return poolEntries === 0 || !isMember ? [] : [`the pool of w${index} holds ${poolEntries} writes`];
    });
  }

  /** Where leases are short, only sessions that somebody has open are left. */
  private findLeftSessions(): string[] {
    if (this.plan.sessionLeaseUs > REST_US / 4) return [];
    const open = new Set(this.workload.sessions().map(({ session }) => session));
    return this.replicaCores.flatMap((core, index) => {
      if (!this.livingMembers().includes(core)) return [];
      const left = core.sessions().filter((session) => !open.has(session));
      return left.length === 0 ? [] : [`r${index} still keeps sessions ${left.join(', ')}`];
    });
  }

  private livingMembers(): ReplicaCore[] {
    return this.coordination
      .livingMembers((process) => this.replicas[process]?.isAlive === true)
      .flatMap((process) => this.replicaCores[process] ?? []);
  }

  /** Equal logs, equal state: on every member that lives. */
  private findDifferences(): string[] {
    const states = this.livingMembers().map((core) => {
      const { commitSlot, appliedSlot, digest, lastSlot } = core.inspect();
      return `commit ${commitSlot}, applied ${appliedSlot}, last ${lastSlot}, digest ${digest}`;
    });
    return new Set(states).size === 1 ? [] : [`replicas differ: ${states.join(' | ')}`];
  }

  private finalState(): Map<string, string> {
    const state = new Map<string, string>();
    this.livingMembers()[0]?.forEachKey((key, value) => state.set(textToBase64(key), textToBase64(value)));
    return state;
  }

  private result(): SimulationResult {
    const { plan, census, timeline, unrest } = this;
    const hasEnded = (session: number) => this.replicaCores.some((core) => core.hasEnded(session));
    const kept = this.workload.noteLosses(this.endings, hasEnded);
    const missing = kept.filter((event) => !this.executions.has(event));
    const faults = missing.map(
      (event) => `${describeEvent(event)} was witnessed before its session ended, and is lost`,
    );
    for (const event of this.workload.never) {
      if (this.executions.has(event)) faults.push(`${describeEvent(event)} was said never to take effect, and did`);
    }
    return {
      plan,
      history: this.workload.history,
      finalState: this.finalState(),
      unrest,
      faults: [...this.executions.faults, ...faults],
      census,
      durationUs: timeline.nowUs,
    };
  }
}

/** Text with one character for each byte, as the replicas keep it. */
function textToBase64(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64');
}
