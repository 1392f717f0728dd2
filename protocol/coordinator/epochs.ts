// From one epoch to the next: what the record should say after what it says now. Decides when an epoch begins, for which
// reason and who should lead it, and drives the steps from there to an epoch that serves. Reads and writes no record.

import { unreachable } from '../core.js';
import type { ClusterConfig } from '../messages.js';
import { EpochStatus } from '../messages.js';
import { Admission } from './admission.js';
import { Installation } from './installation.js';
import { LeaderTransfers } from './leader-transfers.js';
import { LeaderWatch, type Suspicion } from './leader-watch.js';
import { Opening } from './opening.js';
import { PlannedChanges } from './planned-changes.js';
import { createFirstConfig, createNextEpoch, hasLeader, isStarting, type RecordedEpoch } from './record.js';
import type { RollCall } from './roll-call.js';
import type { CoordinatorRules } from './rules.js';
import { majorityOf } from './survey.js';
import type { CoordinatorInput, CoordinatorOutput, CoordinatorRecord, CoordinatorSettings, Led } from './types.js';
import { NodeRole } from './types.js';
import { ViewChange } from './view-change.js';

type Outputs = CoordinatorOutput[];

/** What answers a call to a node. */
type NodeAnswer = Extract<CoordinatorInput, { attempt: number }>;

/** The epochs of one cluster as one coordinator works on them. */
export class Epochs {
  readonly transfers = new LeaderTransfers();
  readonly #settings: CoordinatorSettings;
  readonly #rules: CoordinatorRules;
  readonly #nodes: RollCall;
  readonly #planned: PlannedChanges;
  readonly #admission: Admission;
  readonly #installation: Installation;
  readonly #opening: Opening;
  readonly #change: ViewChange;
  readonly #watch: LeaderWatch;
  #suspicion: Suspicion | null = null;
  /** Epoch whose leader said that it does not lead; the record is read to see whether another epoch is why. */
  #refusedEpoch = 0;
  #wantsRead = false;
  #lastAttempt = 0;

  constructor(options: { settings: CoordinatorSettings; rules: CoordinatorRules; nodes: RollCall }) {
    const { settings, rules, nodes } = options;
    this.#settings = settings;
    this.#rules = rules;
    this.#nodes = nodes;
    const { retryUs, livenessUs } = settings;
    const { registry } = nodes;
    this.#planned = new PlannedChanges({ livenessUs, registry });
    const nextAttempt = (): number => ++this.#lastAttempt;
    this.#installation = new Installation({ retryUs, registry, nextAttempt });
    this.#opening = new Opening({ registry, planned: this.#planned, rules, retryUs });
    this.#change = new ViewChange({ retryUs, rules, nextAttempt });
    this.#watch = new LeaderWatch(settings);
    const { replaceAfterUs = 5 * livenessUs } = settings;
    this.#admission = new Admission({ registry, livenessUs, retryUs, replaceAfterUs, nextAttempt, rules });
  }

  /** Takes over what the record says now; `config` is its own. */
  follow(known: CoordinatorRecord, config: ClusterConfig, nowUs: number): void {
    this.#planned.follow(config, nowUs);
    this.#change.follow(known, nowUs);
    this.#installation.follow(config, nowUs);
    this.#opening.follow(config, nowUs);
  }

  /** The record was read; what a node said before can be held against it. */
  onRecordRead(known: CoordinatorRecord | null): void {
    if (this.#refusedEpoch > 0 && this.#refusedEpoch === known?.config?.epoch)
      this.#watch.noteRefusal(this.#refusedEpoch);
    this.#refusedEpoch = 0;
  }

  /** True, once, if a node's answer shows that the record may say more than is known here. */
  takeWantsRead(): boolean {
    const wantsRead = this.#change.takeBehind() || this.#wantsRead;
    this.#wantsRead = false;
    return wantsRead;
  }

  /** A node answered, or did not. */
  onAnswer(input: NodeAnswer, known: CoordinatorRecord | null, nowUs: number): void {
    switch (input.kind) {
      case 'led':
        return this.#onLed(input.attempt, input.response, known?.config, nowUs);
      case 'started':
        return this.#installation.onStarted(input.attempt, input.response, nowUs);
      case 'fenced':
        return this.#change.onFenced(input.attempt, input.response, nowUs);
      case 'sealed':
        return this.#change.onSealed(input.attempt, input.response, nowUs);
      case 'recovered':
        return this.#change.onRecovered(input.attempt, input.response, nowUs);
      case 'admitted':
        return this.#admission.onAdmitted(input.attempt, input.response, nowUs);
      case 'attemptFailed':
        this.#admission.onFailed(input.attempt, nowUs);
        this.#change.onFailed(input.attempt, nowUs);
        return this.#installation.onFailed(input.attempt, nowUs);
      default:
        unreachable(input);
    }
  }

  /** Looks at the leader, and answers operators. To be called at every step, before `next`. */
  watch(known: CoordinatorRecord | null, nowUs: number, outputs: Outputs): void {
    this.#suspicion = null;
    const config = known?.config;
    if (known === null || config === undefined) return;
    if (this.transfers.preferred !== undefined) this.transfers.settle(known, this.liveReplicas(config, nowUs), outputs);
    if (!hasLeader(known)) return;
    const { id = '', incarnation = 0 } = config.replicas[config.leader] ?? {};
    this.#suspicion = this.#watch.suspect(config, this.#nodes.registry, nowUs);
    // Its state is not what the others have: it has to stop, so its log is not asked for first either.
    if (this.#nodes.reasonToStop({ id, incarnation }) !== '') this.#suspicion = 'lost';
  }

  /** What the record should hold: what it holds, or the step that follows. */
  next(known: CoordinatorRecord, nowUs: number): RecordedEpoch {
    const { config, recovery } = known;
    if (config === undefined) return { config: this.#gather(known.clusterId, nowUs), recovery };
    const mayBegin = this.isRecordCurrent(known);
    // Put back within an epoch, the record could have the epoch led twice, opened with other witnesses, or get two lists
    // of one version. The first one opens with what is heard: nobody waits for a majority before there is anything to serve.
    const isFirst = config.epoch === 1 && config.status === EpochStatus.recovering;
    const mayGoOn = mayBegin || (isFirst && !this.#nodes.survey.knowsMoreThan(config));
    // Whatever comes next, members have to be reached for it.
    const moved = mayGoOn ? this.#nodes.moved.moved(config, known) : null;
    if (moved !== null) return moved;
    if (this.#suspicion !== null && mayBegin && this.#countFenceable(config, nowUs) >= majorityOf(config)) {
      // A leader that only lost its leadership has its log, and is asked for it along with the others.
      const own = this.#suspicion === 'deposed' ? config.replicas[config.leader]?.id : undefined;
      return createNextEpoch({ config, recovery, preferred: this.transfers.preferred ?? own });
    }
    if (!mayGoOn) return known;
    const choice = this.#change.choose(nowUs);
    if (recovery !== undefined && choice !== null) {
      // C6: who leads an epoch is decided here and once; two coordinators may have fenced different majorities.
      return { config: { ...config, leader: choice }, recovery: { ...recovery, isLeaderChosen: true } };
    }
    if (config.status === EpochStatus.open) return this.#plannedEpoch(config, nowUs);
    const { led, started } = this.#installation;
    if (isStarting(config)) return this.#opening.next(config, started, nowUs);
    return led === null ? { config, recovery } : this.#opening.begin(config, led.openSlot, nowUs);
  }

  /** An epoch that serves is replaced only for an operator's wish or a better list of witnesses. */
  #plannedEpoch(config: ClusterConfig, nowUs: number): RecordedEpoch {
    const here = { config, recovery: undefined };
    const { preferred } = this.transfers;
    if (preferred !== undefined) return createNextEpoch({ ...here, preferred });
    const witnesses = this.#suspicion === null ? this.#planned.betterWitnesses(config, nowUs) : null;
    if (witnesses !== null) return this.#rules.replaceWitnesses(here, witnesses);
    // D10: the record held this very list when the leader answered, or the write fails.
    return { config: this.#admission.exchanged(config) ?? config, recovery: undefined };
  }

  /**
   * D9: whether no node knows more than the record. After a start a majority of the replicas has to be heard first: an
   * epoch that began, and ids that went out, are known to one of them.
   */
  isRecordCurrent({ config }: CoordinatorRecord): boolean {
    if (this.#nodes.survey.knowsMoreThan(config)) return false;
    return config === undefined || this.#nodes.survey.isHeard(config);
  }

  /** Makes the calls that are due. */
  drive(known: CoordinatorRecord | null, nowUs: number, outputs: Outputs): void {
    this.#change.drive(nowUs, outputs);
    if (known?.config !== undefined) this.#admission.drive(known.config, nowUs, outputs);
    this.#installation.drive(nowUs, known?.recovery === undefined ? [] : this.#change.replay, outputs);
  }

  /** What the cluster waits for, in words; empty if for nothing. */
  describeWait(config: ClusterConfig, nowUs: number): string {
    const needed = majorityOf(config);
    // Without a majority to fence no change begins: it could only end the present epoch.
    const count = this.#suspicion === null ? needed : this.#countFenceable(config, nowUs);
    if (count >= needed) {
      const patienceUs = this.#settings.livenessUs;
      const wait = this.#change.describeWait(nowUs, patienceUs);
      return wait ?? this.#opening.describeWait(config, this.#installation.started, { nowUs, patienceUs }) ?? '';
    }
    const leader = config.replicas[config.leader]?.id;
    return `${leader}, which leads epoch ${config.epoch}, is not heard, and of the ${needed} other replicas that the next epoch needs only ${count} are`;
  }

  /** Indexes of the replicas that are heard, in the lives that the configuration names. */
  liveReplicas(config: ClusterConfig, nowUs: number): number[] {
    return this.#planned.liveReplicas(config, nowUs);
  }

  /** Replicas that are heard in the lives that the configuration names; the leader only if it is not taken for lost. */
  #countFenceable(config: ClusterConfig, nowUs: number): number {
    const live = this.liveReplicas(config, nowUs);
    return live.filter((index) => index !== config.leader || this.#suspicion === 'deposed').length;
  }

  /** The first epoch, once enough members are there. More than enough: the first by name, the others wait. */
  #gather(clusterId: string, nowUs: number): ClusterConfig | undefined {
    const settings = this.#settings;
    const replicas = this.#nodes.registry.live(NodeRole.replica, nowUs).slice(0, settings.replicas);
    const witnesses = this.#nodes.registry.live(NodeRole.witness, nowUs).slice(0, settings.witnesses);
    if (replicas.length < settings.replicas || witnesses.length < settings.witnesses) return undefined;
    // D9: nodes that have had an epoch are what is left of a cluster whose record was lost; they are not gathered anew.
    if (this.#nodes.survey.epoch > 0) return undefined;
    return createFirstConfig({ clusterId, replicas, witnesses, settings });
  }

  #onLed(attempt: number, led: Led, config: ClusterConfig | undefined, nowUs: number): void {
    // A leader that names another slot than the record does is not the one that answered before.
    const recorded = config?.openSlot ?? 0;
    const isStranger = recorded > 0 && recorded !== led.openSlot;
    // Superseded: the record may know by whom.
    this.#wantsRead ||= led.openSlot < 1;
    if (led.openSlot < 1 && this.#installation.isAsked(attempt)) this.#refusedEpoch = config?.epoch ?? 0;
    if (isStranger || led.openSlot < 1) this.#installation.onFailed(attempt, nowUs);
    else this.#installation.onLed(attempt, led, nowUs);
  }
}
