// The bucket of the cluster record in virtual time: compare-and-set with delays. While the run is hostile, answers to
// writes that went through get lost, writes arrive after their senders have given them up, reads are behind, and news
// do not reach everybody.

import type { CoordinatorRecord, StoredRecord } from '../../protocol/coordinator/types.js';
import { EpochStatus } from '../../protocol/messages.js';
import type { World } from './node.js';
import { copyFrame } from './wire-copy.js';

const DELAY_US = 1500;
const LATE_US = 10_000;

/** One key of one bucket. */
export class RecordBucket {
  private readonly history: StoredRecord[] = [];
  private readonly watchers: ((stored: StoredRecord) => void)[] = [];
  private readonly observers: ((record: CoordinatorRecord) => void)[] = [];
  /** How often it was put back; what was under way before is lost. */
  private generation = 0;

  constructor(
    private readonly world: World,
    first: CoordinatorRecord,
    /** Broken on purpose: writes whatever was expected. */
    private readonly isBlind: boolean,
  ) {
    this.history.push({ revision: 1, record: copyFrame(first) });
  }

  /** What it holds now. */
  get stored(): StoredRecord {
    return this.history.at(-1) as StoredRecord;
  }

  read(onRead: (stored: StoredRecord) => void): void {
    const { timeline, random, census } = this.world;
    timeline.after(random.below(DELAY_US), () => {
      let stored = this.stored;
      const older = this.history.at(-2);
      if (older !== undefined && this.isUnlucky(0.1)) {
        census.count('recordStale');
        stored = older;
      }
      timeline.after(random.below(DELAY_US), () => onRead(stored));
    });
  }

  /** `onWritten` hears the revision, or null if the write did not go through or its outcome is not known. */
  write(expectedRevision: number, record: CoordinatorRecord, onWritten: (revision: number | null) => void): void {
    const { timeline, random, census } = this.world;
    const { generation } = this;
    const copy = copyFrame(record);
    if (this.isUnlucky(0.05)) {
      census.count('recordLate');
      timeline.after(random.below(DELAY_US), () => onWritten(null));
      timeline.after(random.below(LATE_US), () => {
        if (generation === this.generation) this.compareAndSet(expectedRevision, copy);
      });
      return;
    }
    timeline.after(random.below(DELAY_US), () => {
      if (generation !== this.generation) return;
      const revision = this.compareAndSet(expectedRevision, copy);
      const isLost = revision !== null && this.isUnlucky(0.1);
      if (isLost) census.count('recordAnswerLost');
      timeline.after(random.below(DELAY_US), () => onWritten(isLost ? null : revision));
    });
  }

  /** Tells most changes to `onNews`, each after a while. */
  watch(onNews: (stored: StoredRecord) => void): void {
    this.watchers.push(onNews);
  }

  /** Hears every change at once; for those who look on. */
  observe(onWritten: (record: CoordinatorRecord) => void): void {
    this.observers.push(onWritten);
  }

  /** It is put back to an older snapshot. */
  rollBack(): void {
    this.generation++;
    this.history.length = this.world.random.between(1, this.history.length);
    const { revision, record } = this.stored;
    this.world.note(() => `the bucket is put back to revision ${revision}, epoch ${record?.config?.epoch}`);
  }

  /** Tells everybody what it holds. */
  tellAll(): void {
    for (const watcher of this.watchers) watcher(this.stored);
  }

  private compareAndSet(expectedRevision: number, record: CoordinatorRecord): number | null {
    const { timeline, random, census } = this.world;
    const before = this.stored;
    if (before.revision !== expectedRevision && !this.isBlind) {
      census.count('recordConflict');
      return null;
    }
    this.count(before.record, record);
    for (const observer of this.observers) observer(record);
    const { generation } = this;
    const stored = { revision: before.revision + 1, record };
    this.history.push(stored);
    for (const watcher of this.watchers) {
      if (this.isUnlucky(0.1)) continue;
      timeline.after(random.below(2 * DELAY_US), () => {
        if (generation === this.generation) watcher(stored);
      });
    }
    return stored.revision;
  }

  private count(before: CoordinatorRecord | null, { config, recovery }: CoordinatorRecord): void {
    const { census, note } = { census: this.world.census, note: this.world.note.bind(this.world) };
    if (config === undefined) return;
    const isOpen = config.status === EpochStatus.open;
    if (config.epoch > (before?.config?.epoch ?? 0)) {
      census.count('viewChange');
      if (before?.config?.status === EpochStatus.recovering) census.count('viewChangeOvertaken');
      if (recovery?.preferred !== undefined) census.count('plannedChange');
    }
    const wasChosen = before?.recovery?.isLeaderChosen === false && recovery?.isLeaderChosen === true;
    const isPreferred = config.replicas[config.leader]?.id === recovery?.preferred;
    if (wasChosen && isPreferred && before.config?.leader !== config.leader) census.count('leaderTransferred');
    const members = new Set(before?.config?.witnesses.map(({ incarnation }) => incarnation));
    const isReplaced = config.witnesses.some(({ incarnation }) => !members.has(incarnation));
    if (before?.config !== undefined && isReplaced) census.count('witnessReplaced');
    const leads = recovery?.isLeaderChosen === false ? '' : `, r${config.leader} leads`;
    const stage = isOpen ? 'open at' : 'starts at';
    const state = config.openSlot > 0 ? `${stage} ${config.openSlot}` : 'recovering';
    note(() => `coordinator: epoch ${config.epoch} ${state}${leads}`);
  }

  private isUnlucky(probability: number): boolean {
    return this.world.network.isHostile && this.world.plan.recordFaults && this.world.random.chance(probability);
  }
}
