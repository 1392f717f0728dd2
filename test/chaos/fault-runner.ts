// Carries out one fault after the other on a local cluster: finds who is meant, refuses what could not be survived, does
// it, heals it and waits until the cluster has recovered. Knows nothing of the load but that strong operations go on.

import { setTimeout as pause } from 'node:timers/promises';
import type { LocalCluster } from '../../deploy/local-cluster.js';
import { historyTimeUs } from '../../loadgen/worker/history.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { EpochStatus } from '../../protocol/messages.js';
import { createQuorums } from '../../protocol/quorum.js';
import type { ClusterView } from './cluster-view.js';
import type { DoorState, NetworkDoor } from './network-door.js';
import { nameKind, type PlannedFault } from './schedule.js';

/** One fault as it went. Times are microseconds of the history's clock. */
export interface ExecutedFault {
  kind: string;
  /** Name of the process; empty if it was not carried out. */
  target: string;
  beganUs: number;
  /** When it was healed: the process went on or was back, or the door was open again. */
  healedUs: number;
  /** When the cluster had recovered; null if it had not in time. */
  recoveredUs: number | null;
  epochs: number;
  /** Why it was not carried out, or what did not recover; empty otherwise. */
  note: string;
}

/** What faults are carried out on. */
export interface FaultStage {
  cluster: LocalCluster;
  doors: ReadonlyMap<string, NetworkDoor>;
  view: ClusterView;
  durability: 'memory' | 'disk';
  signal: AbortSignal;
  /** Resolves with whether a strong operation was answered from now on within the limit. */
  strongAnswered: (limitMs: number) => Promise<boolean>;
}

/** Longer than a view change, a register with its patience for names, and a snapshot take. */
const RECOVERY_MS = 20_000;
/** How long everything is late before a leader goes. */
const LATE_MS = 500;
const DOORS: Partial<Record<PlannedFault['action'], Partial<DoorState>>> = {
  cut: { isCut: true },
  partition: { holdsIn: true, holdsOut: true },
  'partition-in': { holdsIn: true },
  'partition-out': { holdsOut: true },
};

/** The faults of one run. */
export class FaultRunner {
  /** Processes that ended and that the cluster did not take back. */
  readonly lost = new Set<string>();
  /** Nobody answers strong operations, or hands out sessions, although all is healed. */
  isStalled = false;
  readonly #stage: FaultStage;
  /** The last fault that was carried out, and the epoch before it. */
  #last: { executed: ExecutedFault; epoch: number } | null = null;

  constructor(stage: FaultStage) {
    this.#stage = stage;
  }

  /** Carries out one fault to its end; never rejects for what the cluster does. */
  async run(fault: PlannedFault): Promise<ExecutedFault> {
    const { view, signal } = this.#stage;
    await this.countEpochs();
    const before = view.config;
    const target = before === null ? null : this.#findTarget(fault, before);
    const beganUs = nowUs();
    const executed: ExecutedFault = {
      ...{ kind: nameKind(fault), target: target ?? '', beganUs, healedUs: beganUs },
      ...{ recoveredUs: null, epochs: 0, note: '' },
    };
    const reason = before === null || target === null ? 'no such process is there' : this.#ignoreFault(fault, before);
    if (before === null || target === null || reason !== null) {
      return { ...executed, target: '', recoveredUs: beganUs, note: reason ?? '' };
    }
    await this.#loseFlight(fault, target, before);
    executed.beganUs = nowUs();
    this.#inject(fault, target);
    await pause(fault.durationS * 1000, undefined, { signal }).catch(() => undefined);
    executed.note = await this.#heal(fault, target);
    executed.healedUs = nowUs();
    if (executed.note === '') executed.note = await this.#recover(fault, target, before);
    if (executed.note === '') executed.recoveredUs = nowUs();
    this.#last = { executed, epoch: before.epoch };
    await this.countEpochs();
    return executed;
  }

  /** Epochs that begin late still are the last fault's doing: to be called once more when the next one, or the end, comes. */
  async countEpochs(): Promise<void> {
    const { view } = this.#stage;
    await view.ask();
    if (this.#last !== null) this.#last.executed.epochs = (view.config?.epoch ?? 0) - this.#last.epoch;
  }

  /** Lets everything go on; for the end of a run, however it comes. */
  healAll(): void {
    for (const door of this.#stage.doors.values()) door.set({});
    for (const { name } of this.#stage.cluster.services) this.#stage.cluster.kill(name, 'SIGCONT');
  }

  #findTarget({ target, choice }: PlannedFault, config: ClusterConfig): string | null {
    if (target === 'nats') return 'nats';
    const leader = config.replicas.find(({ index }) => index === config.leader)?.id ?? '';
    if (target === 'leader') return this.lost.has(leader) ? null : leader;
    const role = target === 'follower' ? 'replica' : target;
    const names = this.#stage.cluster.services
      .filter((service) => service.role === role && service.name !== leader && !this.lost.has(service.name))
      .map(({ name }) => name)
      .sort();
    return names[Math.floor(choice * names.length)] ?? null;
  }

  /** Why a fault must not begin; null if it may. What is lost for good already counts as another fault under way. */
  #ignoreFault({ action, target }: PlannedFault, config: ClusterConfig): string | null {
    if (action === 'delay' || target === 'nats' || target === 'coordinator') return null;
    const lost = [...this.lost];
    const { replicas, witnesses, fastQuorum } = config;
    const quorums = createQuorums({ replicas: replicas.length, witnesses: witnesses.length, fastQuorum });
    const left = (members: readonly { id: string }[]): number =>
      members.filter(({ id }) => !lost.includes(id)).length - 1;
    if (target === 'witness') {
      return left(witnesses) >= quorums.recovery
        ? null
        : `${lost.join(' and ')} did not come back: too few would be left`;
    }
    return left(replicas) >= quorums.majority
      ? null
      : `${lost.join(' and ')} did not come back: no majority would be left`;
  }

  /** Makes what goes to the other replicas late, and then loses what is under way to them. */
  async #loseFlight({ lostMs }: PlannedFault, target: string, { replicas }: ClusterConfig): Promise<void> {
    if (lostMs === 0) return;
    const others = replicas.filter(({ id }) => id !== target).map(({ id }) => this.#stage.doors.get(id));
    for (const door of others) door?.set({ delayMs: lostMs });
    await pause(LATE_MS, undefined, { signal: this.#stage.signal }).catch(() => undefined);
    for (const door of others) {
      door?.set({ isCut: true });
      door?.set({});
    }
  }

  #inject({ action, delayMs, jitterMs }: PlannedFault, target: string): void {
    const { cluster, doors } = this.#stage;
    if (action === 'kill') cluster.kill(target, 'SIGKILL');
    else if (action === 'pause') cluster.kill(target, 'SIGSTOP');
    else doors.get(target)?.set(DOORS[action] ?? { delayMs, jitterMs });
  }

  /** Answers what went wrong, or the empty string. */
  async #heal({ action, isWiped }: PlannedFault, target: string): Promise<string> {
    const { cluster, doors } = this.#stage;
    if (action === 'pause') cluster.kill(target, 'SIGCONT');
    else if (action !== 'kill') doors.get(target)?.set({});
    else {
      try {
        await cluster.restart(target, { isWiped });
      } catch (error) {
        this.lost.add(target);
        return `not restarted: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
    return '';
  }

  /** Waits until all is as it was, as far as that can be seen; answers what is not, or the empty string. */
  async #recover(fault: PlannedFault, target: string, before: ClusterConfig): Promise<string> {
    const { view, signal, durability, strongAnswered } = this.#stage;
    const member = findMember(before, target);
    const isNewLife = fault.action === 'kill' && (durability === 'memory' || fault.isWiped) && member !== undefined;
    const isTaken = (config: ClusterConfig): boolean =>
      !isNewLife || findMember(config, target)?.incarnation !== member.incarnation;
    const isBack = (answering: readonly string[]): boolean => {
      const { config } = view;
      if (config === null || config.status !== EpochStatus.open) return false;
      return isTaken(config) && (fault.target !== 'coordinator' || answering.includes(target));
    };
    const isMemberBack = await view.until(isBack, RECOVERY_MS, signal);
    if (!(await strongAnswered(RECOVERY_MS))) {
      this.isStalled = !signal.aborted;
      return `no strong operation was answered for ${RECOVERY_MS / 1000} s`;
    }
    if (!isMemberBack) {
      this.lost.add(target);
      return `the cluster did not take ${target} back within ${RECOVERY_MS / 1000} s`;
    }
    const isRecordTouched = fault.target === 'nats' || fault.target === 'coordinator';
    if (!isRecordTouched || (await view.canWrite(RECOVERY_MS, signal))) return '';
    this.isStalled = !signal.aborted;
    return `no coordinator could write the record for ${RECOVERY_MS / 1000} s`;
  }
}

function findMember(config: ClusterConfig, name: string): { incarnation: number } | undefined {
  return [...config.replicas, ...config.witnesses].find(({ id }) => id === name);
}

function nowUs(): number {
  return historyTimeUs(performance.now());
}
