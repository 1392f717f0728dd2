// Changes of the view that begin although the leader is well: another witness should take part, or an operator wants
// another leader. Decides when one is worth an epoch; how it goes on from there is the view change's business.

import type { ClusterConfig, WitnessMember } from '../messages.js';
import { createQuorums } from '../quorum.js';
import { chooseWitnesses, type SeenWitnesses } from './record.js';
import type { NodeRegistry, RegisteredNode } from './registry.js';
import { SilenceWatch } from './silence-watch.js';
import { NodeRole } from './types.js';

/** The pause between epochs doubles up to so many liveness times. */
const PAUSE_SHARE_MAX = 64;
/** After so many pauses without a new epoch, the pause is short again. */
const QUIET_PAUSES = 4;

/** When the view should change for the sake of a witness. */
export class PlannedChanges {
  readonly #livenessUs: number;
  readonly #registry: NodeRegistry;
  readonly #silences = new Map<string, SilenceWatch>();
  #epoch = 0;
  /** When the present epoch began, as seen here. Undefined for the first one seen: nothing is known of its past. */
  #beganUs: number | undefined;
  /** No planned change begins sooner than this after the last epoch did. */
  #pauseUs: number;

  constructor(options: { livenessUs: number; registry: NodeRegistry }) {
    this.#livenessUs = options.livenessUs;
    this.#registry = options.registry;
    this.#pauseUs = options.livenessUs;
  }

  /**
   * Notes which epoch is in force. Epochs that follow each other fast make the pause longer, whoever began them: a witness
   * that comes and goes all the time must not keep the cluster from its work.
   */
  follow({ epoch }: ClusterConfig, nowUs: number): void {
    if (epoch <= this.#epoch) return;
    if (this.#epoch > 0) {
      const isSoon = this.#beganUs !== undefined && nowUs - this.#beganUs < QUIET_PAUSES * this.#pauseUs;
      const longestUs = PAUSE_SHARE_MAX * this.#livenessUs;
      this.#pauseUs = isSoon ? Math.min(2 * this.#pauseUs, longestUs) : this.#livenessUs;
      this.#beganUs = nowUs;
    }
    this.#epoch = epoch;
  }

  /**
   * The witnesses that the next epoch would begin with, if that is better than what is and the change can go through;
   * else null. To be called at every step, so that silence is counted.
   */
  betterWitnesses(config: ClusterConfig, nowUs: number): WitnessMember[] | null {
    const gone = config.witnesses.filter((member) => this.#isGone(member, nowUs));
    if (gone.length === 0 || nowUs - (this.#beganUs ?? Number.NEGATIVE_INFINITY) < this.#pauseUs) return null;
    const lives = new Set(
      config.witnesses.filter((member) => !gone.includes(member)).map(({ incarnation }) => incarnation),
    );
    const isGone = (node: RegisteredNode): boolean => {
      const isMember = config.witnesses.some(({ incarnation }) => incarnation === node.incarnation);
      return isMember ? !lives.has(node.incarnation) : !this.#registry.isLive(node, nowUs);
    };
    const chosen = chooseWitnesses(config.witnesses, this.#seen(isGone, nowUs));
    const isBetter = chosen.some(({ id, incarnation }) => {
      const node = this.#registry.find(NodeRole.witness, id);
      const isNew = !config.witnesses.some((member) => member.incarnation === incarnation);
      return isNew && node !== undefined && this.#registry.isLive(node, nowUs);
    });
    return isBetter && this.#canChange(config, nowUs) ? chosen : null;
  }

  /** The witnesses that an epoch should begin with now. */
  witnessesNow(config: ClusterConfig, nowUs: number): WitnessMember[] {
    const isGone = (node: RegisteredNode): boolean => !this.#registry.isLive(node, nowUs);
    return chooseWitnesses(config.witnesses, this.#seen(isGone, nowUs));
  }

  /** Whether enough is there for another epoch to open; if not, a change would end this one and begin none. */
  #canChange(config: ClusterConfig, nowUs: number): boolean {
    const { replicas, witnesses, fastQuorum } = config;
    const quorums = createQuorums({ replicas: replicas.length, witnesses: witnesses.length, fastQuorum });
    const live = this.liveReplicas(config, nowUs);
    const sealable = witnesses.filter(({ id, incarnation }) => {
      const node = this.#registry.find(NodeRole.witness, id);
      return node?.incarnation === incarnation && this.#registry.isLive(node, nowUs);
    });
    return live.includes(config.leader) && live.length >= quorums.majority && sealable.length >= quorums.recovery;
  }

  /** Indexes of the replicas that are heard, in the lives that the configuration names. */
  liveReplicas({ replicas }: ClusterConfig, nowUs: number): number[] {
    return replicas
      .filter(({ id, incarnation }) => {
        const node = this.#registry.find(NodeRole.replica, id);
        return node?.incarnation === incarnation && this.#registry.isLive(node, nowUs);
      })
      .map(({ index }) => index);
  }

  /** True if a member's life is over: another one has its name, or it was silent for the liveness time. */
  #isGone({ id, incarnation }: WitnessMember, nowUs: number): boolean {
    const node = this.#registry.find(NodeRole.witness, id);
    if (node === undefined) return false;
    let silence = this.#silences.get(id);
    if (silence === undefined) {
      silence = new SilenceWatch(this.#livenessUs);
      this.#silences.set(id, silence);
    }
    const silentUs = silence.measure(node, this.#registry.hearing.anewUs, nowUs);
    return node.incarnation !== incarnation || silentUs > this.#livenessUs;
  }

  #seen(isGone: (node: RegisteredNode) => boolean, nowUs: number): SeenWitnesses<RegisteredNode> {
    return {
      find: (id) => this.#registry.find(NodeRole.witness, id),
      isGone,
      live: () => this.#registry.live(NodeRole.witness, nowUs),
    };
  }
}
