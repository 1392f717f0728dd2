// Runs the checks and then every test of the tree in one mocha process, and ends with one line of counts. A test run
// that hangs, or that leaves something running behind, is ended from here and counts as failed.

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { prepareBuild } from './build.mjs';
import { runChecks } from './checks.mjs';
import { environment, exitCodeOf, findProgram, root } from './process.mjs';

/** Everything together has ended by then, on two cores. */
const RUN_MS_LIMIT = 13 * 60_000;
/** What a finished run may take to let go of its sockets and processes. */
const LEAVE_MS_LIMIT = 15_000;
const KILL_GRACE_MS = 3_000;
/** What the tests need beside Node and npm's packages. */
const PROGRAMS = [
  {
    name: 'nats-server',
    neededFor: 'The integration tests need',
    advice: 'Debian and Ubuntu: apt-get install nats-server. macOS: brew install nats-server.',
  },
  {
    name: 'chromium',
    neededFor: 'The tests of the report look at it in',
    advice: 'Debian: apt-get install chromium. macOS: brew install --cask chromium.',
  },
];
/** Quick and telling ones first; folders that are not named here come last. */
const ORDER = ['unit', 'checkers', 'simulation', 'integration', 'e2e'];

/**
 * Prints `N passed, N failed` last, checks included, and answers the exit code. Of `args`, those that start with a dash
 * go to mocha and the others choose the test files whose path contains one of them.
 */
export async function runTests(args) {
  const startedAtMs = performance.now();
  const total = { passed: 0, failed: 0 };
  const add = ({ passed, failed }) => {
    total.passed += passed;
    total.failed += failed;
  };
  for (const program of PROGRAMS) add(checkProgram(program));
  add(await runChecks());
  // A lint complaint does not keep the tests from running; sources that do not compile do.
  if (total.failed === 0 || (await prepareBuild())) add(await runMocha(args, startedAtMs));
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
}

/** Passes if the program is installed, and else says who needs it and where it comes from. */
function checkProgram({ name, neededFor, advice }) {
  const file = findProgram(name);
  console.log(`${file === null ? 'FAILED' : 'passed'}  ${name} is installed${file === null ? '' : `  ${file}`}`);
  if (file !== null) return { passed: 1, failed: 0 };
  console.error(`${neededFor} ${name}, and it is neither on the path nor in /usr/sbin or /usr/local/sbin.\n${advice}`);
  return { passed: 0, failed: 1 };
}

async function runMocha(args, startedAtMs) {
  const files = testFiles(args.filter((arg) => !arg.startsWith('-')));
  if (files.length === 0) {
    console.error(`no test file matches ${args.join(' ')}`);
    return { passed: 0, failed: 1 };
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'curpho-test-'));
  try {
    const summary = path.join(folder, 'summary.json');
    const options = [
      '--forbid-only',
      '--forbid-pending',
      '--reporter',
      'scripts/test-reporter.mjs',
      '--reporter-option',
      `summary=${summary}`,
    ];
    const mocha = path.join(root, 'node_modules/mocha/bin/mocha.js');
    const command = ['--enable-source-maps', mocha, ...options, ...args.filter((arg) => arg.startsWith('-')), ...files];
    const problem = await watch(command, summary, startedAtMs);
    const { passed, failed, slow } = readSummary(summary) ?? { passed: 0, failed: 0, slow: [] };
    for (const { title, ms } of slow) console.log(`${(ms / 1000).toFixed(1).padStart(6)} s  ${title}`);
    if (problem !== '') console.error(problem);
    return { passed, failed: failed + (problem === '' || failed > 0 ? 0 : 1) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Compiled test files in the order in which they run. */
function testFiles(wanted) {
  const rank = (file) => ORDER.indexOf(file.split(path.sep)[2]) >>> 0;
  return readdirSync(path.join(root, 'dist/test'), { recursive: true })
    .filter((file) => file.endsWith('.test.js'))
    .map((file) => path.join('dist', 'test', file))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/**
 * Runs mocha to its end. Answers what went wrong beside failing tests, or the empty string. Mocha leads a process group
 * of its own, so that ending a hanging run takes the servers that its tests started with it.
 */
function watch(command, summary, startedAtMs) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, command, {
      cwd: root,
      env: environment,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    let problem = '';
    let finishedAtMs = 0;
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // The group is gone already, which is all that is wanted.
      }
    };
    const giveUp = (sentence) => {
      if (problem !== '') return;
      problem = sentence;
      end('SIGTERM');
      setTimeout(() => end('SIGKILL'), KILL_GRACE_MS).unref();
    };
    const poll = setInterval(() => {
      const nowMs = performance.now();
      if (finishedAtMs === 0 && readSummary(summary) !== null) finishedAtMs = nowMs;
      if (finishedAtMs !== 0 && nowMs - finishedAtMs > LEAVE_MS_LIMIT) {
        giveUp(
          'The tests are over, but something they opened keeps the process alive: a server, a client, a timer or a child.',
        );
      }
      if (nowMs - startedAtMs > RUN_MS_LIMIT) giveUp(`The run was not over after ${RUN_MS_LIMIT / 60_000} minutes.`);
    }, 500);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => giveUp(`Interrupted by ${signal}.`));
    child.on('error', (error) => giveUp(`mocha did not start: ${error.message}`));
    child.on('close', (code, signal) => {
      clearInterval(poll);
      // A code without a failed test is a failure outside of tests, say an unhandled rejection.
      if (problem === '' && code !== 0 && !(readSummary(summary)?.failed > 0)) {
        problem = `mocha ended with code ${exitCodeOf(code, signal)}`;
      }
      if (problem === '' && readSummary(summary) === null) problem = 'mocha ended before the tests did';
      resolve(problem);
    });
  });
}

/** What the reporter left, or null while there is nothing. */
function readSummary(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
