// The streams that a leading replica keeps to its followers and to the witnesses: opened when a configuration says that
// it leads, closed when another one does. Frames are bytes here; what they say is the core's business.

import { streamMethods } from '../../proto/codec.js';
import { type ClusterConfig, isNewerConfig, type ReplicaMember } from '../../protocol/messages.js';
import type { StreamLimits } from '../host/frame-writer.js';
import type { Log } from '../host/log.js';
import { PeerStream } from '../host/peer-stream.js';
import { addFrames, type CarriedFrames, noFrames } from '../host/traffic.js';

/** Streams to lives that are to become members; the core has no more of them at a time. */
const LEARNERS_LIMIT = 4;

/** What the links report. */
export interface LeaderLinksOptions {
  limits: StreamLimits;
  log: Log;
  /** The stream to a follower is open; what was sent before may be lost. */
  onReplicaUp: (index: number) => void;
  /** The same of a life that is to become a member. */
  onLearnerUp: (incarnation: number) => void;
  /** A follower's frame. A FrameError that this throws costs the follower its stream. */
  onReplicated: (frame: Buffer) => void;
  /** A witness's frame, likewise. */
  onCollected: (frame: Buffer) => void;
}

interface Member {
  index: number;
  address: string;
}

/** Streams of one kind by the peer's index. */
class Links {
  private readonly links = new Map<number, { address: string; stream: PeerStream }>();
  /** What links that are closed have carried: counters only grow. */
  private readonly former = noFrames();

  constructor(
    private readonly kind: 'replicate' | 'collect',
    private readonly options: LeaderLinksOptions,
    private readonly onUp: (index: number) => void,
    private readonly onFrame: (frame: Buffer) => void,
  ) {}

  /** Opens what is missing and closes what is not among `members`. A link that stays and is up is reported again. */
  follow(members: readonly Member[]): void {
    const wanted = new Map(members.map((member) => [member.index, member.address]));
    for (const [index, link] of this.links) {
      if (wanted.get(index) === link.address) continue;
      link.stream.close();
      this.links.delete(index);
      addFrames(this.former, link.stream.stats);
    }
    for (const [index, address] of wanted) {
      const link = this.links.get(index);
      if (link === undefined) this.open(index, address);
      else if (link.stream.isUp) this.onUp(index);
    }
  }

  send(to: readonly number[], frame: Buffer): void {
    for (const index of to) this.links.get(index)?.stream.send(frame);
  }

  addCarried(sum: CarriedFrames): void {
    addFrames(sum, this.former);
    for (const { stream } of this.links.values()) addFrames(sum, stream.stats);
  }

  addSizes(sizes: { linksUp: number; linkQueuedFrames: number }): void {
    for (const { stream } of this.links.values()) {
      sizes.linksUp += stream.isUp ? 1 : 0;
      sizes.linkQueuedFrames += stream.queuedFrames;
    }
  }

  private open(index: number, address: string): void {
    const { limits, log } = this.options;
    const stream = new PeerStream({
      address,
      method: streamMethods[this.kind],
      limits,
      onUp: () => {
        log.debug({ link: this.kind, index, address }, 'link up');
        this.onUp(index);
      },
      onDown: (reason) => log.warn({ link: this.kind, index, address, reason }, 'link down'),
      onFrame: this.onFrame,
    });
    this.links.set(index, { address, stream });
    stream.open();
  }
}

/** Counters over all links, those of the past included, and what is up and waits now. */
export interface LinkStats {
  linksUp: number;
  linkFramesIn: number;
  linkFramesOut: number;
  linkBytesIn: number;
  linkBytesOut: number;
  linkQueuedFrames: number;
}

/** The streams of a replica while it leads; none otherwise. */
export class LeaderLinks {
  private readonly replicas: Links;
  private readonly witnesses: Links;
  /** Lives that are to become members, by incarnation. */
  private readonly learners: Links;
  private admitted: Member[] = [];
  private config: ClusterConfig | null = null;

  /** `self` is the replica itself, in this life. */
  constructor(
    private readonly self: { id: string; incarnation: number },
    options: LeaderLinksOptions,
  ) {
    this.replicas = new Links('replicate', options, options.onReplicaUp, options.onReplicated);
    this.learners = new Links('replicate', options, options.onLearnerUp, options.onReplicated);
    // A watermark that a witness misses is made up for by the next one, or by the client's own word in a record.
    this.witnesses = new Links('collect', options, () => undefined, options.onCollected);
  }

  /**
   * Opens or closes streams as `config` wants it; an older configuration, or one already followed, changes nothing. The
   * same epoch comes again when it has opened, its witnesses may have other addresses then, and when a member is exchanged.
   */
  follow(config: ClusterConfig): void {
    if (this.config !== null && !isNewerConfig(config, this.config)) return;
    this.config = config;
    const { id, incarnation } = this.self;
    const leader = config.replicas[config.leader];
    const isLeading = leader?.id === id && leader.incarnation === incarnation;
    this.replicas.follow(isLeading ? config.replicas.filter((member) => member !== leader) : []);
    this.witnesses.follow(isLeading ? config.witnesses : []);
    // Whoever joined is a member now, or has to be asked for anew.
    this.admitted = [];
    this.learners.follow([]);
  }

  /** Opens a stream to a life that is to become a member; the oldest of many goes. */
  admit({ address, incarnation }: ReplicaMember): void {
    if (this.admitted.some(({ index }) => index === incarnation)) return;
    this.admitted = [...this.admitted, { index: incarnation, address }].slice(-LEARNERS_LIMIT);
    this.learners.follow(this.admitted);
  }

  /** Sends one encoded frame to several followers; those whose link is down miss it. */
  sendReplicate(to: readonly number[], frame: Buffer): void {
    this.replicas.send(to, frame);
  }

  /** Sends one encoded frame to a life that is to become a member. */
  sendLearner(incarnation: number, frame: Buffer): void {
    this.learners.send([incarnation], frame);
  }

  /** Sends one encoded frame to several witnesses; those whose link is down miss it. */
  sendCollect(to: readonly number[], frame: Buffer): void {
    this.witnesses.send(to, frame);
  }

  /** Closes all streams. */
  close(): void {
    this.replicas.follow([]);
    this.witnesses.follow([]);
    this.learners.follow([]);
  }

  stats(): LinkStats {
    const { framesIn, framesOut, bytesIn, bytesOut } = this.carried();
    const sizes = { linksUp: 0, linkQueuedFrames: 0 };
    for (const links of this.all) links.addSizes(sizes);
    const carried = { linkFramesIn: framesIn, linkFramesOut: framesOut, linkBytesIn: bytesIn, linkBytesOut: bytesOut };
    return { ...sizes, ...carried };
  }

  /** What went over all links, those of the past included. */
  carried(): CarriedFrames {
    const sum = noFrames();
    for (const links of this.all) links.addCarried(sum);
    return sum;
  }

  private get all(): Links[] {
    return [this.replicas, this.witnesses, this.learners];
  }
}
