// The one entry behind the npm scripts: node scripts/run.mjs <target> [arguments]. Installs and builds what is missing
// or stale, then becomes the program that was asked for. Standard output belongs to that program alone; everything
// said on the way goes to standard error. Uses nothing but Node itself, because it runs before anything is installed.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { prepareBuild, prepareInstall } from './build.mjs';
import { runChecks } from './checks.mjs';
import { fail, root, runProgram } from './process.mjs';
import { testCompose } from './test-compose.mjs';
import { runTests } from './tests.mjs';

/** As in package.json: the oldest Node whose ES modules, stack traces and streams the project relies on. */
const NODE_OLDEST = [20, 19];

/** Targets that are compiled programs, and the arguments that come before the caller's. */
const PROGRAMS = {
  study: ['loadgen/main.js', 'study'],
  loadgen: ['loadgen/main.js'],
  cluster: ['deploy/main.js'],
  simulate: ['test/simulation/main.js'],
  verify: ['test/checkers/main.js'],
  chaos: ['test/chaos/main.js'],
  bench: ['test/chaos/bench-main.js'],
};
const TARGETS = [...Object.keys(PROGRAMS), 'test', 'test-compose', 'check', 'build'];

function assertNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = NODE_OLDEST;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  fail(`curpho needs Node ${NODE_OLDEST.join('.')} or newer; this is ${process.versions.node} (${process.execPath})`);
}

async function startProgram(target, args) {
  if (!(await prepareBuild())) fail(`${target}: the build failed`);
  const [file, ...fixedArgs] = PROGRAMS[target];
  const compiled = path.join(root, 'dist', file);
  if (!existsSync(compiled)) fail(`${target}: this tree has no ${file.replace(/\.js$/, '.ts')}`);
  return runProgram(process.execPath, [compiled, ...fixedArgs, ...args]);
}

async function main() {
  assertNodeVersion();
  const [target, ...args] = process.argv.slice(2);
  if (!TARGETS.includes(target)) fail(`usage: node scripts/run.mjs ${TARGETS.join('|')} [arguments]`, 2);
  await prepareInstall();
  if (target === 'build') return (await prepareBuild()) ? 0 : 1;
  if (target === 'check') return (await runChecks()).failed === 0 ? 0 : 1;
  if (target === 'test') return runTests(args);
  if (target === 'test-compose') return testCompose();
  return startProgram(target, args);
}

process.exitCode = await main();
