// The coordinator's part of a story, one step at a time or all at once: new epoch, fence, seal and read one pool, lead
// with the replay, open, start new lives. It obeys the test, not the rules: a test may leave a step out.

import assert from 'node:assert/strict';
import type { FenceResponse, LeadResponse, SealResponse, SessionWatermark, Write } from '../../../protocol/messages.js';
import { EpochStatus } from '../../../protocol/messages.js';
import { CLUSTER, Story, type StoryOptions } from './story.js';

/** What a whole view change does. */
export interface ViewChange {
  /** Replicas that are fenced; the one with the longest log leads, the first of equals. */
  fence: number[];
  /** Witnesses that are sealed, default all that are up. */
  seal?: number[];
  /** The one whose pool is replayed, default the first sealed. */
  from?: number;
  /** Rearranges the replay: what the rules do not promise. */
  reorder?: (replay: Write[]) => Write[];
  /** Witnesses that start new lives, default all that are up. */
  start?: number[];
}

/** A story whose epoch 1 is open: r0 leads, its own entry is in slot 1, and everybody knows. */
export function openStory(options: StoryOptions = {}): Story {
  const story = new Story(options);
  beginEpoch(story);
  story.replicas.forEach((_, i) => story.toReplica(i, { kind: 'config', config: story.config }));
  lead(story, 0, []);
  open(story, ledOf(story));
  story.tell(...story.clients.keys());
  story.settle();
  assert.equal(story.describeMail(), 'no mail');
  return story;
}

/** Writes the next epoch into the record. */
export function beginEpoch(story: Story): void {
  const { config } = story;
  story.leaders.set(config.epoch, config.leader);
  story.config = { ...config, epoch: config.epoch + 1, status: EpochStatus.recovering, openSlot: 0 };
}

/** Asks a replica to join the epoch of the record and to say how far its log reaches. */
export function fence(story: Story, replica: number): FenceResponse {
  const request = { clusterId: CLUSTER, epoch: story.config.epoch, incarnation: 100 + replica, wantsLastWrites: false };
  const [answer] = story.toReplica(replica, { kind: 'fence', call: 1, request });
  assert.ok(answer?.kind === 'fenced', `r${replica} answers its fence`);
  return answer.response;
}

/** Ends the life of a witness in favour of the epoch of the record. */
export function seal(story: Story, witness: number): SealResponse {
  const request = { clusterId: CLUSTER, epoch: story.config.epoch };
  const [answer] = story.toWitness(witness, { kind: 'seal', call: 1, request });
  assert.ok(answer?.kind === 'sealed', `w${witness} answers its seal`);
  return answer.response;
}

/** The pool of a sealed witness, in arrival order. */
export function recover(story: Story, witness: number): Write[] {
  const request = { clusterId: CLUSTER, epoch: story.config.epoch };
  const [answer] = story.toWitness(witness, { kind: 'recoveryData', call: 1, request });
  assert.ok(answer?.kind === 'recovered', `w${witness} hands its pool over`);
  return structuredClone(answer.response.entries);
}

/** Makes a replica lead the epoch of the record; its frames wait. */
export function lead(story: Story, leader: number, replay: Write[]): void {
  story.config = { ...story.config, leader };
  story.led.length = 0;
  story.toReplica(leader, { kind: 'lead', call: 1, request: { config: story.config, replay } });
}

/** Lets the replicas talk until the epoch's own entry is committed. */
export function ledOf(story: Story): LeadResponse {
  story.settle('r*', 'r*');
  const led = story.led.at(-1);
  assert.ok(led !== undefined, `r${story.config.leader} leads epoch ${story.config.epoch}`);
  return led;
}

/** Begins a new life of a witness in the epoch of the record. */
export function start(story: Story, witness: number, committed: SessionWatermark[]): void {
  const request = { config: story.config, witnessId: `w${witness}`, committed };
  const [answer] = story.toWitness(witness, { kind: 'start', call: 1, request });
  assert.equal(answer?.kind, 'started', `w${witness} answers its start`);
}

/** Opens the epoch: all replicas and the named witnesses are told, clients are not. */
export function open(story: Story, led: LeadResponse, witnesses?: number[]): void {
  story.config = { ...story.config, status: EpochStatus.open, openSlot: led.openSlot };
  story.replicas.forEach((_, i) => story.toReplica(i, { kind: 'config', config: story.config }));
  for (const witness of witnesses ?? upWitnesses(story)) start(story, witness, structuredClone(led.committed));
}

/** A whole view change. Frames that wait between replicas are delivered on the way, unless they are held. */
export function changeView(story: Story, plan: ViewChange): void {
  const leader = longestLog(story, plan.fence);
  const sealed = plan.seal ?? upWitnesses(story);
  for (const witness of sealed) seal(story, witness);
  const replay = recover(story, plan.from ?? sealed[0] ?? 0);
  lead(story, leader, plan.reorder?.(replay) ?? replay);
  open(story, ledOf(story), plan.start);
}

/** Begins an epoch, fences replicas and names the one with the longest log. */
export function longestLog(story: Story, replicas: number[]): number {
  beginEpoch(story);
  const logs = replicas.map((replica) => ({ replica, ...fence(story, replica) }));
  for (const { epoch } of logs) assert.equal(epoch, story.config.epoch);
  logs.sort((a, b) => b.lastEpoch - a.lastEpoch || b.lastSlot - a.lastSlot);
  return logs[0]?.replica ?? 0;
}

function upWitnesses(story: Story): number[] {
  return story.config.witnesses.map(({ index }) => index).filter((index) => story.isUp(`w${index}`));
}
