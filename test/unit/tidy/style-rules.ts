// The rules of style that a machine can judge: what the pure core must not touch, sizes, head comments, names, and
// what must not be left behind. Every violation says where and why. Formatting is biome's business.

import path from 'node:path';
import { findFunctions, lineAt, linesMatching, type ScannedSource, type SourceFile } from './scan-source.js';

/** A pattern that code must not contain, and the reason that goes into the message. */
interface Ban {
  pattern: RegExp;
  reason: string;
}

const CLOCK = 'time comes in as `nowUs`, so that the simulator can decide it';
const CHANCE = 'a step has to be repeatable from its inputs';
const ASYNC = 'a step is one call that returns; waiting is an input that has not come yet';
const WORLD = 'the core has no world outside its inputs and outputs';
const LOCALE = 'order and text must be the same on every machine';
const STATE = 'state outside of the core object is shared by all cores of a process and survives their restart';

/** What the files of protocol/ must not contain. */
const PROTOCOL_BANS: readonly Ban[] = [
  { pattern: /\bDate\b/, reason: CLOCK },
  { pattern: /(?<![.\w])performance\s*[.[]/, reason: CLOCK },
  { pattern: /\bhrtime\b/, reason: CLOCK },
  { pattern: /\b(?:set|clear)(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bnextTick\b/, reason: ASYNC },
  { pattern: /\basync\b|\bawait\b|\bPromise\b/, reason: ASYNC },
  { pattern: /\bMath\s*\.\s*random\b/, reason: CHANCE },
  { pattern: /(?<![.\w])crypto\s*[.[]|\brandomUUID\b|\bgetRandomValues\b/, reason: CHANCE },
  { pattern: /(?<![.\w])(?:process|globalThis)\s*[.[]/, reason: WORLD },
  { pattern: /(?<![.\w])console\s*[.[]/, reason: WORLD },
  { pattern: /(?<![.\w])(?:fetch|require)\s*\(/, reason: WORLD },
  { pattern: /\blocaleCompare\b|\btoLocale\w*|\bIntl\b/, reason: LOCALE },
  { pattern: /^(?:export\s+)?(?:let|var)\b/, reason: STATE },
  {
    pattern: /^(?:export\s+)?const\s+\w+\s*(?::(?!\s*Readonly)[^=;]*)?=\s*new\s+(?:Weak)?(?:Map|Set)\b/,
    reason: STATE,
  },
  {
    pattern: /^(?:export\s+)?const\s+\w+\s*(?::(?!\s*readonly|\s*Readonly)[^=;]*)?=\s*(?:\[\s*\]|\{\s*\})/,
    reason: STATE,
  },
];

/** What no source of ours may contain. */
const BANS: readonly Ban[] = [
  {
    pattern: /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w/,
    reason: 'constants are `as const` objects: an enum is a type with an import',
  },
  { pattern: /(?::|<|\bas|\|)\s*any\b/, reason: '`any` switches the compiler off for everything it touches' },
  { pattern: /\bas\s+unknown\s+as\b/, reason: 'a cast through unknown hides that the types disagree' },
];

const TEST_BANS: readonly Ban[] = [
  { pattern: /\b(?:describe|context|it|specify)\s*\.\s*only\b/, reason: 'it silently leaves the other tests out' },
  {
    pattern: /\b(?:describe|context|it|specify)\s*\.\s*skip\b|\bx(?:describe|it)\s*\(|\bthis\s*\.\s*skip\s*\(/,
    reason: 'a test that does not run proves nothing',
  },
];

/** Violations of the bans in one source. */
export function findBanned(source: ScannedSource): string[] {
  const bans = [...BANS];
  if (source.path.startsWith('protocol/')) bans.push(...PROTOCOL_BANS);
  if (source.path.startsWith('test/')) bans.push(...TEST_BANS);
  return bans.flatMap(({ pattern, reason }) =>
    linesMatching(source, pattern).map((line) => {
      const words = source.text.split('\n')[line - 1]?.trim().slice(0, 80);
      return `${source.path}:${line} \`${words}\`: ${reason}`;
    }),
  );
}

const FILE_LINES_LIMIT = 600;
/** Longer files are listed, so that they do not grow unnoticed. */
export const FILE_LINES_GOAL = 400;
const MAIN_LINES_LIMIT = 80;
const FUNCTION_LINES_LIMIT = 70;
const HEAD_LINES_LIMIT = 6;

/** Number of lines of a file. */
export function countLines(file: SourceFile): number {
  return file.text.trimEnd().split('\n').length;
}

/** Files and functions that are too long. */
export function findOversized(source: ScannedSource): string[] {
  const problems: string[] = [];
  const lines = countLines(source);
  const isMain = path.posix.basename(source.path) === 'main.ts';
  if (lines > FILE_LINES_LIMIT) {
    problems.push(`${source.path} has ${lines} lines, more than ${FILE_LINES_LIMIT}: it does more than one thing`);
  }
  if (isMain && lines > MAIN_LINES_LIMIT) {
    problems.push(`${source.path} has ${lines} lines, more than ${MAIN_LINES_LIMIT}: a main only puts parts together`);
  }
  for (const span of findFunctions(source)) {
    if (span.lines <= FUNCTION_LINES_LIMIT) continue;
    const where = `${source.path}:${span.line}`;
    problems.push(
      `${where} a function has ${span.lines} lines, more than ${FUNCTION_LINES_LIMIT}: it does not fit one look`,
    );
  }
  return problems;
}

/** Files without a head comment, or with one that is too long to be read. */
export function findHeadless(file: SourceFile): string[] {
  const lines = file.text.replace(/^#!.*\n/, '').split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  const head = end === -1 ? lines.length : end;
  if (head === 0)
    return [`${file.path} has no head comment: a reader must learn here what it does and what it does not know`];
  if (head > HEAD_LINES_LIMIT)
    return [`${file.path}: ${head} lines of head comment, more than ${HEAD_LINES_LIMIT}: nobody reads them`];
  return [];
}

const VAGUE_NAMES = new Set(['util', 'utils', 'common', 'helper', 'helpers', 'manager', 'misc']);

/** Names that are not kebab-case, or that say nothing. */
export function findMisnamed(file: SourceFile): string[] {
  const name = path.posix.basename(file.path);
  const problems: string[] = [];
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*(?:(?:\.[a-z]+)?\.test|\.d)?\.(?:ts|mjs)$/.test(name)) {
    problems.push(`${file.path}: file names are kebab-case, so that they are the same on every file system`);
  }
  const vague = file.path.split(/[/.-]/).find((word) => VAGUE_NAMES.has(word));
  if (vague !== undefined) problems.push(`${file.path}: "${vague}" says nothing; name what is inside`);
  return problems;
}

// Put together from pieces, so that this file passes its own rules.
const MACHINE_PATH = new RegExp(
  `(?:^|[\\s"'\`=(:,])/(?:${['work', 'root', 'Users', 'home/(?!node\\b)'].join('|')})(?:/|(?<=/))[\\w.]`,
);
const REGISTRY = new RegExp(
  `https?://[^\\s"'\`)]*(?:${['registry[.]', 'npmjs[.]org', 'verdaccio', 'artifactory', 'mirror'].join('|')})`,
  'i',
);
const UNFINISHED = new RegExp(`\\b(?:${['TO', 'FIX'].join('DO|')}ME)\\b|@ts-(?:ignore|nocheck)`);

/** What must not be left behind in any text file: places of one machine, registries, unfinished business. */
export function findLeftovers(file: SourceFile): string[] {
  const bans: [RegExp, string][] = [
    [MACHINE_PATH, 'a path of one machine means nothing on another'],
    [REGISTRY, 'where packages come from is up to the environment'],
    [UNFINISHED, 'finish it, or write an issue'],
  ];
  return bans.flatMap(([pattern, reason]) =>
    [...file.text.matchAll(new RegExp(pattern, `g${pattern.flags.replace('g', '')}m`))].map(
      (match) => `${file.path}:${lineAt(file.text, match.index + 1)} \`${match[0].trim()}\`: ${reason}`,
    ),
  );
}
