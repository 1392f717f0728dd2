// What goes wrong in a run, and when: streams break and come back, links are held, clients move to another replica,
// leaders are deposed or lost, client processes vanish. Stops when the run is healed.

import { EpochStatus } from '../../protocol/messages.js';
import { createQuorums } from '../../protocol/quorum.js';
import type { ClientProcess } from './client-process.js';
import { Interruptions } from './interruptions.js';
import type { World } from './node.js';
import { type FaultTargets, hasWitness, listPairs, namesOf, type Pair } from './pairs.js';
import { ReplicaCrashes } from './replica-crashes.js';
import { canLose } from './replica-losses.js';
import type { ReplicaProcess } from './replica-process.js';
import { WitnessCrashes } from './witness-crashes.js';
import type { WitnessProcess } from './witness-process.js';

/** The faults of one run. */
export class Faults {
  private readonly pairs: Pair[];
  private readonly interruptions: Interruptions;
  private readonly witnessCrashes: WitnessCrashes;
  readonly replicaCrashes: ReplicaCrashes;

  constructor(
    private readonly world: World,
    private readonly targets: FaultTargets,
  ) {
    this.pairs = listPairs(targets);
    this.interruptions = new Interruptions(world, targets, {
      pairs: this.pairs,
      breakStreams: (pair, downUs) => this.breakStreams(pair, downUs),
    });
    this.witnessCrashes = new WitnessCrashes(world, {
      witnesses: targets.witnesses,
      crash: (witness) => this.crashWitness(witness),
      revive: (witness) => this.reviveWitness(witness),
    });
    const pairsOf = (replica: ReplicaProcess): Pair[] =>
      this.pairs.filter((pair) => namesOf(pair).includes(replica.name));
    this.replicaCrashes = new ReplicaCrashes(world, {
      ...targets,
      breakStreams: (replica) => {
        for (const pair of pairsOf(replica)) world.network.breakStreams(...namesOf(pair));
      },
      restoreStreams: (replica) => {
        for (const pair of pairsOf(replica)) world.network.restoreStreams(...namesOf(pair));
        for (const pair of pairsOf(replica)) this.announceUp(pair);
      },
      restart: targets.restartReplica,
      bind: (client) => this.bind(client),
    });
  }

  /** Sets everything going. */
  begin(): void {
    const { faults, rebindEveryUs, silenceEveryUs, witnessLossAtStart } = this.world.plan;
    if (witnessLossAtStart > 0) this.targets.coordination.onStarting(() => this.forgetBeforeStart(witnessLossAtStart));
    this.repeat(faults.reconnectEveryUs, () => this.reconnect());
    this.repeat(faults.holdEveryUs, () => this.hold());
    this.repeat(rebindEveryUs, () => this.rebind());
    this.repeat(silenceEveryUs, () => this.silence());
    this.repeat(faults.partitionEveryUs, () => this.interruptions.partition());
    this.repeat(faults.pauseEveryUs, () => this.interruptions.pause());
    this.repeat(faults.haltEveryUs, () => this.interruptions.haltCoordinator());
  }

  /** All streams are opened anew, once, so that both sides know that what they sent before may be lost. */
  heal(): void {
    this.world.network.heal();
    this.interruptions.heal();
    this.witnessCrashes.heal();
    this.replicaCrashes.heal();
    for (const pair of this.pairs) this.announceUp(pair);
  }

  /** Opens the streams of the start. */
  connect(): void {
    for (const pair of this.pairs) this.announceUp(pair);
  }

  /** Gives the coordinators a reason to change the view; at times the leader is gone for good. */
  strikeLeader(isSecond = false): void {
    const { plan, random, census, timeline } = this.world;
    const { replicas, coordination } = this.targets;
    const leader = replicas[coordination.leaderProcess];
    const isBearable = leader?.isAlive === true && canLose(this.world, this.targets, leader);
    const loss = isSecond ? Math.sqrt(plan.leaderLoss) : plan.leaderLoss;
    if (leader !== undefined && isBearable && random.chance(loss)) {
      census.count('leaderLost');
      this.loseReplica(leader);
    }
    if (leader !== undefined && random.chance(plan.cutOff)) this.cutOff(leader);
    if (!isSecond && random.chance(plan.strikesTwice)) {
      this.silenceReplicas();
      this.awaitOpen(timeline.nowUs + random.between(10_000, 30_000), () => this.strikeLeader(true));
    }
    // Some time after: what it completed in between was perhaps seen by nobody but the leader that falls and the witnesses.
    if (random.chance(plan.clientLossAtStrike)) timeline.after(random.below(6000), () => this.strikeClient());
    this.witnessCrashes.strikeWithLeader();
    this.replicaCrashes.strikeWithLeader();
    if (random.chance(plan.coordinatorLoss)) timeline.after(random.below(8000), () => coordination.strike());
    if (leader === undefined) return;
    // Of a loss that nobody notices at once, silence will tell.
    if (leader.isAlive || random.chance(0.7))
      timeline.after(random.below(5000), () => coordination.loseSight(leader.name));
  }

  /** A replica crashes; clients learn of it, and nothing that was under way to or from it arrives any more. */
  loseReplica(replica: ReplicaProcess): void {
    const { timeline, random, network } = this.world;
    replica.lose();
    for (const pair of this.pairs) {
      const [one, other] = namesOf(pair);
      if (one === replica.name || other === replica.name) network.breakStreams(one, other);
    }
    for (const client of this.targets.clients) {
      timeline.after(random.below(5000), () => {
        client.replicaInput('replicaDown', replica.index);
        this.bind(client);
      });
    }
  }

  /** It is there again, as another life. */
  reviveReplica(replica: ReplicaProcess): void {
    for (const pair of this.pairs) {
      const [one, other] = namesOf(pair);
      if (one !== replica.name && other !== replica.name) continue;
      this.world.network.restoreStreams(one, other);
      this.announceUp(pair);
    }
  }

  /** Calls back as soon as a later epoch is open than now, or at `untilUs`. */
  private awaitOpen(untilUs: number, then: () => void, epoch = this.targets.coordination.config.epoch): void {
    const { timeline, network } = this.world;
    const { config } = this.targets.coordination;
    if (!network.isHostile) return;
    const isOpen = config.epoch > epoch && config.status === EpochStatus.open;
    if (isOpen || timeline.nowUs >= untilUs) then();
    else timeline.after(300, () => this.awaitOpen(untilUs, then, epoch));
  }

  /** Replicas do not hear each other for a while: what the next leader begins with is on nobody else when it falls too. */
  private silenceReplicas(): void {
    const { random, network, census } = this.world;
    census.count('struckTwice');
    const names = this.targets.replicas.map(({ name }) => name);
    const durationUs = random.between(10_000, 40_000);
    for (const one of names) for (const other of names) if (one !== other) network.hold(one, other, durationUs);
  }

  /**
   * The leader loses touch with its peers first: what it ordered last is then known to the witnesses alone. What one
   * client sends to the witnesses comes late as well, so that they see another order than the leader does.
   */
  private cutOff(leader: ReplicaProcess): void {
    const { random, network, census } = this.world;
    census.count('cutOff');
    const client = random.pick(this.targets.clients);
    const delayUs = random.pick([500, 2000, 20_000]);
    for (const { name } of this.targets.witnesses) if (random.chance(0.8)) network.hold(client.name, name, delayUs);
    const durationUs = random.pick([6000, 20_000, 60_000]);
    for (const { name } of this.targets.replicas) {
      if (name === leader.name) continue;
      network.hold(leader.name, name, durationUs);
      network.hold(name, leader.name, durationUs);
    }
  }

  /** Nothing that a client says reaches the leader for longer than a lease; at times nothing reaches anybody. */
  private silence(): void {
    const { plan, random, network, census } = this.world;
    const { replicas, witnesses, clients, coordination } = this.targets;
    census.count('clientSilent');
    const client = random.pick(clients);
    const durationUs = plan.sessionLeaseUs * random.pick([1.5, 3]);
    const isDeaf = random.chance(0.3);
    const leader = replicas[coordination.config.leader];
    const nodes = isDeaf ? [...replicas, ...witnesses] : leader === undefined ? [] : [leader];
    for (const { name } of nodes) {
      network.hold(client.name, name, durationUs);
      if (isDeaf) network.hold(name, client.name, durationUs);
    }
  }

  /** A client process vanishes, if another one is left. */
  strikeClient(): void {
    const { random, census, network } = this.world;
    const alive = this.targets.clients.filter(({ isAlive }) => isAlive);
    if (alive.length < 2 || !network.isHostile) return;
    const client = random.pick(alive);
    census.count('clientLost');
    client.lose();
    for (const replica of this.targets.replicas) replica.input({ kind: 'clientGone', client: client.id });
    for (const witness of this.targets.witnesses) witness.input({ kind: 'clientGone', client: client.id });
  }

  /** Witnesses crash and come back with their disks. */
  strikeWitnessDisks(): void {
    this.witnessCrashes.strike();
  }

  /** A witness loses its memory, and its disk, unless its pool might be the one that recovery needs. */
  strikeWitness(witness = this.world.random.pick(this.targets.witnesses)): void {
    const { plan, random, census } = this.world;
    const { recovery } = createQuorums(plan);
    const { coordination } = this.targets;
    const { name, index, isAlive } = witness;
    if (!isAlive || !coordination.maySpare(name, recovery)) return;
    census.count('witnessRestarted');
    if (random.chance(0.7)) coordination.loseSight(name);
    this.targets.restartWitness(index);
  }

  /** An epoch's witnesses are named: now and then they forget, and whoever was named is gone before it starts (D12). */
  private forgetBeforeStart(share: number): void {
    const { random, timeline, network } = this.world;
    if (!network.isHostile || !random.chance(share)) return;
    for (const witness of this.targets.witnesses) {
      timeline.after(random.below(1500), () => {
        if (network.isHostile) this.strikeWitness(witness);
      });
    }
  }

  /** Binds a client to some replica that lives, if any does. */
  bind(client: ClientProcess): void {
    const places = this.targets.replicas.flatMap(({ isAlive, index }) => {
      const place = isAlive ? client.placeOf(index) : undefined;
      return place === undefined ? [] : [place];
    });
    if (places.length > 0) client.input({ kind: 'bind', replica: this.world.random.pick(places) });
  }

  private crashWitness(witness: WitnessProcess): void {
    const { network } = this.world;
    witness.crash();
    for (const pair of this.pairs) {
      if (!hasWitness(pair, witness)) continue;
      network.breakStreams(...namesOf(pair));
      this.announceDown(pair);
    }
  }

  private reviveWitness(witness: WitnessProcess): void {
    const { network } = this.world;
    this.targets.reviveWitness(witness.index);
    for (const pair of this.pairs) {
      if (!hasWitness(pair, witness)) continue;
      network.restoreStreams(...namesOf(pair));
      this.announceUp(pair);
    }
  }

  private repeat(meanUs: number, strike: () => void): void {
    if (meanUs <= 0) return;
    const { timeline, random, network } = this.world;
    timeline.after(random.below(2 * meanUs), () => {
      if (!network.isHostile) return;
      strike();
      this.repeat(meanUs, strike);
    });
  }

  private rebind(): void {
    this.world.census.count('rebind');
    this.bind(this.world.random.pick(this.targets.clients));
  }

  private hold(): void {
    const { random, plan, network } = this.world;
    const [from, to] = namesOf(random.pick(this.pairs));
    const durationUs = random.below(plan.faults.holdUs);
    if (random.chance(0.5)) network.hold(from, to, durationUs);
    else network.hold(to, from, durationUs);
  }

  private reconnect(): void {
    const { random } = this.world;
    const pair = random.pick(this.pairs);
    this.breakStreams(pair, random.below(5000));
  }

  /** Ends the streams of a pair, and opens new ones after a while. */
  private breakStreams(pair: Pair, downUs: number): void {
    const { network, timeline } = this.world;
    const [one, other] = namesOf(pair);
    network.breakStreams(one, other);
    this.world.note(() => `streams between ${one} and ${other} break`);
    this.announceDown(pair);
    timeline.after(downUs, () => {
      network.restoreStreams(one, other);
      this.announceUp(pair);
    });
  }

  private announceDown(pair: Pair): void {
    const { random } = this.world;
    // A node learns that a client's stream ended only at times before the client is back.
    const isNoticed = random.chance(0.5);
    if (pair.kind === 'clientReplica') {
      pair.client.replicaInput('replicaDown', pair.replica.index);
      if (isNoticed) pair.replica.input({ kind: 'clientGone', client: pair.client.id });
    } else if (pair.kind === 'clientWitness') {
      const place = this.targets.coordination.placeOf(pair.witness.name);
      if (place >= 0) pair.client.input({ kind: 'witnessDown', witness: place });
      if (isNoticed) pair.witness.input({ kind: 'clientGone', client: pair.client.id });
    } else if (pair.kind === 'coordinator' && random.chance(0.1)) {
      this.targets.coordination.loseSight(pair.node.name, pair.coordinator);
    }
  }

  private announceUp(pair: Pair): void {
    switch (pair.kind) {
      case 'clientReplica':
        if (pair.replica.isAlive) pair.client.replicaInput('replicaUp', pair.replica.index);
        return;
      case 'clientWitness': {
        const place = this.targets.coordination.placeOf(pair.witness.name);
        if (place >= 0) pair.client.input({ kind: 'witnessUp', witness: place });
        return;
      }
      case 'replicas':
        pair.one.peerUp(pair.other.index);
        pair.other.peerUp(pair.one.index);
        return;
      case 'coordinator':
        return;
      case 'replicaWitness':
        // Nobody is told: what a lost collection would have removed is reported as stale.
        return;
    }
  }
}
