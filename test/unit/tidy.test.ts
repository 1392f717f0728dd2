// The habits of this project, held against the whole tree: who imports whom, what the pure core must not touch, sizes,
// names, head comments, leftovers. The rules themselves are in tidy/ and tested in tidy-rules.test.ts.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type DeclaredPackages, findCycles, findLayerViolations } from './tidy/layer-rules.js';
import { findRoot, listFiles } from './tidy/project-files.js';
import { type ScannedSource, type SourceFile, scanSource } from './tidy/scan-source.js';
import {
  countLines,
  FILE_LINES_GOAL,
  findBanned,
  findHeadless,
  findLeftovers,
  findMisnamed,
  findOversized,
} from './tidy/style-rules.js';

const TEXT_FILE = /\.(?:ts|mjs|js|json|md|proto|ya?ml|sh|toml|conf)$|(?:^|\/)(?:Dockerfile|run|\.npmrc|\.gitignore)$/;
const root = findRoot();

function readSource(file: string): SourceFile {
  return { path: file, text: readFileSync(path.join(root, file), 'utf8') };
}

function readDeclaredPackages(): DeclaredPackages {
  const { dependencies, devDependencies } = JSON.parse(readSource('package.json').text);
  return { runtime: new Set(Object.keys(dependencies)), development: new Set(Object.keys(devDependencies)) };
}

/** One message with all violations, so that a run shows everything there is to do. */
function assertNone(problems: string[]): void {
  assert.equal(problems.length, 0, `\n  ${problems.join('\n  ')}`);
}

describe('tidy', () => {
  let texts: SourceFile[] = [];
  let sources: ScannedSource[] = [];
  let scripts: SourceFile[] = [];
  before(() => {
    texts = listFiles(root)
      .filter((file) => TEXT_FILE.test(file))
      .map(readSource);
    sources = texts.filter((file) => file.path.endsWith('.ts')).map(scanSource);
    scripts = texts.filter((file) => file.path.endsWith('.mjs'));
    assert.ok(sources.length > 20, `only ${sources.length} sources found under ${root}`);
  });

  it('rooms import only the rooms below them', () => assertNone(findLayerViolations(sources, readDeclaredPackages())));

  it('nobody imports in circles', () => assertNone(findCycles(sources)));

  it('code contains nothing that is banned where it stands', () => assertNone(sources.flatMap(findBanned)));

  it('files and functions are short enough to be understood', () => {
    assertNone(sources.flatMap(findOversized));
    for (const file of sources.filter((each) => countLines(each) > FILE_LINES_GOAL)) {
      console.log(`      ${file.path} has ${countLines(file)} lines; the goal is ${FILE_LINES_GOAL}`);
    }
  });

  it('every file says first what it is for', () => assertNone([...sources, ...scripts].flatMap(findHeadless)));

  it('names are kebab-case and say something', () => assertNone([...sources, ...scripts].flatMap(findMisnamed)));

  it('nothing of one machine and nothing unfinished is left behind', () => assertNone(texts.flatMap(findLeftovers)));

  it('the lock file is complete for every platform', () => {
    const packages: Record<string, { optionalDependencies?: Record<string, string> }> = JSON.parse(
      readSource('package-lock.json').text,
    ).packages;
    const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    const missing = wanted.filter((name) => packages[`node_modules/${name}`] === undefined);
    assertNone(missing.map((name) => `${name} is missing, so npm ci fails: run node scripts/complete-lock.mjs`));
  });
});
