// Judges from traces whether each operation that its client completed on the fast path had the right to (rules A1 to A6):
// the client's span says that it did, those of the leader and the witnesses what it was told. For clusters in which every
// witness must accept (q = m). Knows nothing of files.

import { Attribute as Key, NodeSpan } from '../../tracing/names.js';
import type { TraceSpan } from './read-traces.js';

/** What is judged. */
export const FAST_PATH_RULES = {
  A1: 'leader and q distinct witnesses answered in one epoch, each witness in one life',
  A2: 'the leader saw no conflict',
  A3: 'what the leader read from is committed, or pending at every witness',
  A4: 'no witness held a write of another session that the write would have overtaken',
  A5: 'the last write pending at every witness is the one that was read',
  A6: "every witness holds the session's writes that came before",
} as const;

/** One of {@link FAST_PATH_RULES}. */
export type FastPathRule = keyof typeof FAST_PATH_RULES;

/** What became of one rule. */
export interface RuleVerdict {
  rule: FastPathRule;
  verdict: 'ok' | 'violated' | 'undecided';
  /** Decisions that the rule was held against. */
  decisions: number;
  undecided: number;
  violations: { traceId: string; detail: string }[];
}

type Say = (rule: FastPathRule, outcome: 'violated' | 'undecided', detail: string) => void;

/** A fast decision, with what it rests on. */
interface Decision {
  root: TraceSpan;
  leader: TraceSpan | undefined;
  witnesses: TraceSpan[];
}

/** A verdict per rule. `witnesses`: how many the cluster has. */
export function judgeFastPath(spans: readonly TraceSpan[], witnesses: number): RuleVerdict[] {
  const rules: readonly FastPathRule[] = ['A1', 'A2', 'A3', 'A4', 'A5', 'A6'];
  const verdicts = new Map<FastPathRule, RuleVerdict>(
    rules.map((rule) => [rule, { rule, verdict: 'ok', decisions: 0, undecided: 0, violations: [] }]),
  );
  const lives = new Map<string, string>();
  for (const decision of findDecisions(spans)) {
    const { traceId, name } = decision.root;
    const isRead = name.startsWith('get ');
    for (const verdict of verdicts.values()) if (concerns(verdict.rule, isRead)) verdict.decisions++;
    const say: Say = (rule, outcome, detail) => {
      const verdict = verdicts.get(rule);
      if (outcome === 'violated') verdict?.violations.push({ traceId, detail });
      else if (verdict !== undefined) verdict.undecided++;
    };
    judgeEpoch(decision, { witnesses, lives }, say);
    if (isRead) judgeRead(decision, say);
    else judgeWrite(decision, say);
  }
  return [...verdicts.values()].map((verdict) => ({ ...verdict, verdict: wordFor(verdict) }));
}

function wordFor({ violations, undecided }: RuleVerdict): RuleVerdict['verdict'] {
  if (violations.length > 0) return 'violated';
  return undecided > 0 ? 'undecided' : 'ok';
}

function concerns(rule: FastPathRule, isRead: boolean): boolean {
  if (rule === 'A3' || rule === 'A5') return isRead;
  return rule !== 'A4' || !isRead;
}

function findDecisions(spans: readonly TraceSpan[]): Decision[] {
  const traces = new Map<string, TraceSpan[]>();
  for (const span of spans) {
    const trace = traces.get(span.traceId);
    if (trace === undefined) traces.set(span.traceId, [span]);
    else trace.push(span);
  }
  return spans
    .filter(({ isRoot, attributes }) => isRoot && attributes[Key.path] === 'fast')
    .map((root) => {
      const isRead = root.name.startsWith('get ');
      const epoch = root.attributes[Key.epoch];
      // Attempts of earlier epochs, and those that were superseded by a resend, decided nothing.
      const counted = (traces.get(root.traceId) ?? []).filter(
        ({ attributes }) => attributes[Key.epoch] === epoch && attributes[Key.resent] !== true,
      );
      const leader = counted.find(({ name }) => name === (isRead ? NodeSpan.read : NodeSpan.propose));
      const asked = counted.filter(({ name }) => name === (isRead ? NodeSpan.check : NodeSpan.record));
      return { root, leader, witnesses: asked };
    });
}

function judgeEpoch(
  { root, leader, witnesses }: Decision,
  known: { witnesses: number; lives: Map<string, string> },
  say: Say,
): void {
  const epoch = root.attributes[Key.epoch];
  if (leader === undefined) say('A1', 'violated', `the leader of epoch ${epoch} did not answer`);
  const distinct = new Set(witnesses.map(({ instance }) => instance)).size;
  if (distinct < known.witnesses) {
    say('A1', 'violated', `${distinct} of ${known.witnesses} witnesses answered in epoch ${epoch}`);
  }
  for (const { instance, attributes } of witnesses) {
    const life = String(attributes[Key.incarnation] ?? '');
    const name = `${epoch} ${instance}`;
    const earlier = known.lives.get(name) ?? life;
    known.lives.set(name, earlier);
    if (life === '' || life !== earlier) {
      say('A1', 'violated', `${instance} answered in epoch ${epoch} as incarnations ${earlier} and ${life}`);
    }
  }
}

function judgeWrite({ root, leader, witnesses }: Decision, say: Say): void {
  if (leader !== undefined && leader.attributes[Key.ok] !== true) say('A2', 'violated', 'the leader did not say ok');
  const seq = Number(root.attributes[Key.seq]);
  for (const { instance, attributes } of witnesses) {
    const status = attributes[Key.status];
    if (status !== 'accepted') say('A4', 'violated', `${instance} answered ${status}`);
    const watermark = Number(attributes[Key.watermark]);
    if (!(watermark >= seq))
      say('A6', 'violated', `${instance} holds the session's writes up to ${watermark}, not ${seq}`);
  }
}

function judgeRead({ leader, witnesses }: Decision, say: Say): void {
  if (leader === undefined) return;
  const { attributes: told } = leader;
  if (told[Key.conflict] !== false) say('A2', 'violated', 'the leader saw a conflict');
  const readFrom = String(told[Key.readFrom] ?? '');
  const known = new Set(split(told[Key.pending]));
  const barrier = Number(told[Key.barrier]);
  for (const { instance, attributes } of witnesses) {
    const pending = split(attributes[Key.pending]);
    const last = pending.at(-1);
    if (told[Key.committed] !== true && !pending.includes(readFrom)) {
      say('A3', 'violated', `${readFrom || 'what was read'} is neither committed nor pending at ${instance}`);
    }
    const isStrange = pending.some((id) => id !== last && !known.has(id));
    if (last !== undefined && (last !== readFrom || isStrange)) {
      say('A5', 'violated', `pending at ${instance}: ${pending.join(', ')}; read was ${readFrom || 'nothing'}`);
    }
    // The client may know from the leader that they are committed, which no span says.
    if (!(Number(attributes[Key.watermark]) >= barrier)) {
      say('A6', 'undecided', `${instance} did not say that it holds the session's writes up to ${barrier}`);
    }
  }
}

function split(list: string | number | boolean | undefined): string[] {
  return typeof list === 'string' && list !== '' ? list.split(',') : [];
}
