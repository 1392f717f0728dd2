// Brings the configuration in force to life: asks its leader to lead until it answers, then, once the record says that
// nothing is left to recover, starts every witness. Each step may be repeated, by this or another coordinator, so nothing here is durable (D7). It decides
// neither what the configuration is nor what is replayed.

import { unreachable } from '../core.js';
import type { ClusterConfig, StartRequest, WitnessMember, Write } from '../messages.js';
import { EpochStatus } from '../messages.js';
import { isStarting } from './record.js';
import type { NodeRegistry } from './registry.js';
import type { CoordinatorOutput, Led } from './types.js';
import { NodeRole } from './types.js';

/** One call to one node, repeated until it succeeds. */
type Attempt = { kind: 'due'; atUs: number } | { kind: 'underWay'; attempt: number };

type State =
  | { kind: 'idle' }
  /** The leader has not answered yet. */
  | { kind: 'leading'; lead: Attempt }
  /** The epoch's own entry is committed, the record does not say so yet. */
  | { kind: 'led'; led: Led }
  /** Witnesses may start; `starts` holds those, by index, that have not answered yet. */
  | { kind: 'starting'; led: Led; starts: Map<number, Attempt> };

/** Drives one configuration at a time; a later epoch makes it forget the earlier one and ignore its answers. */
export class Installation {
  readonly #retryUs: number;
  readonly #registry: NodeRegistry;
  #state: State = { kind: 'idle' };
  readonly #nextAttempt: () => number;
  #config: ClusterConfig | undefined;

  constructor(options: { retryUs: number; registry: NodeRegistry; nextAttempt: () => number }) {
    this.#retryUs = options.retryUs;
    this.#registry = options.registry;
    this.#nextAttempt = options.nextAttempt;
  }

  /** What the leader answered, until the record says that witnesses may start, else null. */
  get led(): Led | null {
    return this.#state.kind === 'led' ? this.#state.led : null;
  }

  /** Witnesses of the list that have answered that they started in the epoch. */
  get started(): WitnessMember[] {
    if (this.#state.kind !== 'starting') return [];
    const { starts } = this.#state;
    return this.#config?.witnesses.filter(({ index }) => !starts.has(index)) ?? [];
  }

  /** Takes over a newer configuration. */
  follow(config: ClusterConfig, nowUs: number): void {
    const before = this.#config;
    this.#config = config;
    if (config.epoch !== before?.epoch) this.#state = { kind: 'leading', lead: { kind: 'due', atUs: nowUs } };
    else if (this.#state.kind === 'led') this.#becomeLed(this.#state.led, nowUs);
    else if (this.#state.kind === 'starting') {
      const { starts } = this.#state;
      for (const { index, incarnation } of config.witnesses) {
        if (before.witnesses[index]?.incarnation !== incarnation) starts.set(index, { kind: 'due', atUs: nowUs });
      }
    }
  }

  /** Whether this attempt is the one by which the leader is asked to lead. */
  isAsked(attempt: number): boolean {
    return this.#state.kind === 'leading' && isUnderWay(this.#state.lead, attempt);
  }

  /** The leader answered. */
  onLed(attempt: number, led: Led, nowUs: number): void {
    if (this.#state.kind !== 'leading' || !isUnderWay(this.#state.lead, attempt)) return;
    this.#becomeLed(led, nowUs);
  }

  /**
   * Witnesses start only where compare-and-set says that nothing is left to recover: one started earlier could clear a pool
   * that a later epoch, which has already replaced this one, still needs (D1).
   */
  #becomeLed(led: Led, nowUs: number): void {
    const config = this.#config;
    if (config === undefined || (config.status !== EpochStatus.open && !isStarting(config))) {
      this.#state = { kind: 'led', led };
      return;
    }
    const starts = new Map<number, Attempt>();
    for (const { index } of config.witnesses) starts.set(index, { kind: 'due', atUs: nowUs });
    this.#state = { kind: 'starting', led, starts };
  }

  /** A witness answered. It counts only if it lives the life and the epoch that were asked for. */
  onStarted(attempt: number, life: { epoch: number; incarnation: number }, nowUs: number): void {
    if (this.#state.kind !== 'starting') return;
    const { starts } = this.#state;
    for (const [index, start] of starts) {
      if (!isUnderWay(start, attempt)) continue;
      const member = this.#config?.witnesses[index];
      if (life.epoch === this.#config?.epoch && life.incarnation === member?.incarnation) starts.delete(index);
      else starts.set(index, { kind: 'due', atUs: nowUs + this.#retryUs });
    }
  }

  /** An attempt failed; it is made again after a pause. */
  onFailed(attempt: number, nowUs: number): void {
    const again: Attempt = { kind: 'due', atUs: nowUs + this.#retryUs };
    if (this.#state.kind === 'leading' && isUnderWay(this.#state.lead, attempt)) this.#state.lead = again;
    if (this.#state.kind !== 'starting') return;
    for (const [index, start] of this.#state.starts) {
      if (isUnderWay(start, attempt)) this.#state.starts.set(index, again);
    }
  }

  /** Makes the calls that are due. The leader is not asked before there is a replay. */
  drive(nowUs: number, replay: Write[] | null, outputs: CoordinatorOutput[]): void {
    const state = this.#state;
    const config = this.#config;
    if (config === undefined) return;
    switch (state.kind) {
      case 'leading':
        if (replay === null || !isDue(state.lead, nowUs)) return;
        if (this.#isSameLife(NodeRole.replica, config.replicas[config.leader])) {
          state.lead = this.#lead(config, replay, outputs);
        }
        return;
      case 'starting':
        for (const [index, start] of state.starts) {
          if (isDue(start, nowUs) && this.#isSameLife(NodeRole.witness, config.witnesses[index])) {
            state.starts.set(index, this.#start(config, index, state.led, outputs));
          }
        }
        return;
      case 'idle':
      case 'led':
        return;
      default:
        unreachable(state);
    }
  }

  /**
   * False once another life of the member registered. An epoch is for the lives that its configuration names: a leader
   * that restarted with an empty log and were asked to lead the same epoch would put its entry at slot 1 of a log that
   * others hold committed writes in. Only a later epoch may take the new life in.
   */
  #isSameLife(role: number, member: { id: string; incarnation: number } | undefined): boolean {
    return member !== undefined && this.#registry.find(role, member.id)?.incarnation === member.incarnation;
  }

  /** The request is always the recovering configuration, so that repeating it after the opening is the same request. */
  #lead(config: ClusterConfig, replay: Write[], outputs: CoordinatorOutput[]): Attempt {
    const attempt = this.#nextAttempt();
    const recovering = { ...config, status: EpochStatus.recovering, openSlot: 0 };
    const address = config.replicas[config.leader]?.address ?? '';
    outputs.push({ kind: 'lead', attempt, address, request: { config: recovering, replay } });
    return { kind: 'underWay', attempt };
  }

  #start(config: ClusterConfig, index: number, led: Led, outputs: CoordinatorOutput[]): Attempt {
    const attempt = this.#nextAttempt();
    const member = config.witnesses[index];
    const request: StartRequest = { config, witnessId: member?.id ?? '', committed: led.committed };
    outputs.push({ kind: 'start', attempt, address: member?.address ?? '', request });
    return { kind: 'underWay', attempt };
  }
}

function isUnderWay(attempt: Attempt, number: number): boolean {
  return attempt.kind === 'underWay' && attempt.attempt === number;
}

function isDue(attempt: Attempt, nowUs: number): boolean {
  return attempt.kind === 'due' && attempt.atUs <= nowUs;
}
