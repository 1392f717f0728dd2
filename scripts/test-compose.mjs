// `npm run test:compose`: brings deploy/compose.yaml up as a user would, under a project name, image name, ports and a
// results directory of its own, and looks at what a user would look at. Needs docker and docker-compose; official images
// that this machine does not have are stood in for (compose-images.mjs). Takes everything down however it ends.

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { prepareBuild } from './build.mjs';
import { readImageNames, StandIns } from './compose-images.mjs';
import { environment, exitCodeOf, findProgram, root } from './process.mjs';

const RUN_MS_LIMIT = 10 * 60_000;
const HEALTHY_MS_LIMIT = 120_000;
const TRACES_MS_LIMIT = 60_000;
/** How long one command of the clean-up may take. */
const CLEAN_MS_LIMIT = 60_000;
const POLL_MS = 500;
const LOG_LINES = 40;
/** Light enough for a small machine that runs all of it: the test is about the deployment, not about speed. */
const LOAD_FLAGS = '--threads 1 --pendings 2 --keys 1000 --warmup 1s --duration 3s --trace-ratio 0.2';
/** The user called node in the official image. */
const IMAGE_OWNER = 1000;
const OWNER = process.getuid?.() || IMAGE_OWNER;
/** What the image is told that it is built from. */
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const ROLES = ['coordinator', 'replica', 'witness', 'loadgen'];
/** As tracing/service-names.ts has them; the coordinator takes no part in operations. */
const TRACED = ['curpho-client', 'curpho-replica', 'curpho-witness'];

/** Runs the test and answers the exit code; the last line on standard output counts what passed. */
export async function testCompose() {
  const missing = await findMissing();
  if (missing !== '') {
    console.error(missing);
    console.log('0 passed, 1 failed');
    return 1;
  }
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => interrupt.abort(new Error(`Interrupted by ${signal}; cleaning up.`)));
  }
  const tooLate = () => interrupt.abort(new Error(`The test was not over after ${RUN_MS_LIMIT / 60_000} minutes.`));
  setTimeout(tooLate, RUN_MS_LIMIT).unref();
  const { passed, failed } = await new ComposeTest(interrupt.signal).run();
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** What is not there and how to get it; empty if all is there. */
async function findMissing() {
  if (findProgram('docker') === null)
    return 'test:compose needs docker (Debian and Ubuntu: apt-get install docker.io).';
  if (findProgram('docker-compose') === null && !(await hasComposePlugin())) {
    return 'test:compose needs docker-compose, or docker with its compose plugin (Debian: apt-get install docker-compose).';
  }
  try {
    await run('docker', ['version', '--format', '{{.Server.Version}}']);
    return '';
  } catch (error) {
    return `test:compose needs a docker daemon that it may talk to; is dockerd running?\n${error.message}`;
  }
}

async function hasComposePlugin() {
  return run('docker', ['compose', 'version']).then(
    () => true,
    () => false,
  );
}

/**
 * Runs a program to its end and resolves with what it printed on stdout. Rejects with the end of all that it printed.
 * It leads a process group of its own: Ctrl-C in a terminal is for this script alone, which ends the group.
 */
function run(command, args, { signal = AbortSignal.timeout(CLEAN_MS_LIMIT), env = {} } = {}) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(command, args, {
      cwd: root,
      env: { ...environment, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const stdout = [];
    const all = [];
    child.stdout.on('data', (chunk) => stdout.push(chunk) && all.push(chunk));
    child.stderr.on('data', (chunk) => all.push(chunk));
    const stop = () => {
      try {
        process.kill(-child.pid, 'SIGTERM');
      } catch {
        // The group is gone already, or never came to be.
      }
    };
    signal.addEventListener('abort', stop, { once: true });
    const settle = (act) => {
      signal.removeEventListener('abort', stop);
      act();
    };
    child.on('error', (error) => settle(() => reject(error)));
    child.on('close', (code, killedBy) =>
      settle(() => {
        if (signal.aborted) return reject(signal.reason);
        if (code === 0) return resolve(Buffer.concat(stdout).toString());
        const end = Buffer.concat(all).toString().trimEnd().split('\n').slice(-LOG_LINES).join('\n');
        reject(new Error(`${command} ${args.join(' ')} ended with code ${exitCodeOf(code, killedBy)}\n${end}`));
      }),
    );
  });
}

function assert(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

class ComposeTest {
  #signal;
  #folder = mkdtempSync(path.join(os.tmpdir(), 'curpho-compose-'));
  #project = `curpho-test-${process.pid}`;
  #results = path.join(this.#folder, 'results');
  #standIns;
  #compose = findProgram('docker-compose') === null ? ['docker', 'compose'] : ['docker-compose'];
  #settings = {
    COMPOSE_PROJECT_NAME: this.#project,
    CURPHO_IMAGE: this.#project,
    // Any free port of this machine.
    CURPHO_JAEGER_PORT: '0',
    CURPHO_OTLP_PORT: '0',
    CURPHO_RESULTS: this.#results,
    CURPHO_LOAD_FLAGS: LOAD_FLAGS,
    CURPHO_COMMIT: COMMIT,
    // What the containers write must be this user's to remove; root may remove what the image's own user wrote.
    ...(OWNER === IMAGE_OWNER ? {} : { CURPHO_USER: `${OWNER}:${process.getgid()}` }),
  };
  #passed = 0;
  #failed = 0;

  constructor(signal) {
    this.#signal = signal;
    this.#standIns = new StandIns({
      run: (command, args) => this.#run(command, args),
      clean: run,
      folder: this.#folder,
    });
  }

  async run() {
    try {
      await this.#steps();
    } catch (error) {
      this.#failed++;
      console.error(error.message);
      if (!this.#signal.aborted) await this.#showLogs();
    }
    try {
      await this.#step('everything is taken down', () => this.#clean());
    } catch (error) {
      this.#failed++;
      console.error(`Left behind: ${error.message}`);
    }
    return { passed: this.#passed, failed: this.#failed };
  }

  async #steps() {
    const names = readImageNames();
    await this.#step('this tree builds', async () =>
      assert(await prepareBuild(), 'The compiler found errors, see above.'),
    );
    await this.#step('base images are there', async () => {
      console.log(`  ${await this.#standIns.node(names.node)}`);
      console.log(`  ${await this.#standIns.nats(names.nats)}`);
    });
    await this.#step('the image builds', () => this.#callCompose('build'));
    await this.#step('a trace collector is there', async () => {
      console.log(`  ${await this.#standIns.jaeger(names.jaeger, this.#project)}`);
    });
    await this.#step('docker-compose up', () => this.#callCompose('up', '-d'));
    await this.#step('every service is healthy', () => this.#untilHealthy());
    await this.#step('the SDK writes and reads', () => this.#useSdk());
    await this.#step('the load run ends with code 0', () => this.#untilLoadEnded());
    await this.#step('its report is in the results directory', () => this.#checkReport());
    await this.#step('its traces are in the collector', () => this.#checkTraces());
    await this.#step('the coordinator restarts and comes back', () => this.#restartCoordinator());
    await this.#step('all stops, and a new cluster starts', () => this.#startAnew());
  }

  async #step(name, act) {
    const startedAtMs = performance.now();
    const seconds = () => `${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`;
    try {
      await act();
    } catch (error) {
      console.log(`FAILED  ${name}  ${seconds()}`);
      throw error;
    }
    this.#passed++;
    console.log(`passed  ${name}  ${seconds()}`);
  }

  #run(command, args) {
    return run(command, args, { signal: this.#signal, env: this.#settings });
  }

  #callCompose(...args) {
    const [command, ...first] = this.#compose;
    return this.#run(command, [...first, ...args]);
  }

  /** Asks until `attempt` answers something else than undefined. */
  async #until(what, limitMs, attempt) {
    const endMs = performance.now() + limitMs;
    for (;;) {
      const { answer, state } = await attempt();
      if (answer !== undefined) return answer;
      assert(performance.now() < endMs, `${what} not within ${limitMs / 1000} s: ${state}`);
      await sleep(POLL_MS, undefined, { signal: this.#signal });
    }
  }

  async #containers() {
    const ids = (await this.#callCompose('ps', '-q')).split('\n').filter(Boolean);
    return JSON.parse(await this.#run('docker', ['inspect', ...ids]));
  }

  #untilHealthy() {
    return this.#until('healthy', HEALTHY_MS_LIMIT, async () => {
      const containers = await this.#containers();
      const states = containers.map(({ Config, State }) => ({
        service: Config.Labels['com.docker.compose.service'],
        state: State.Health?.Status ?? State.Status,
      }));
      const watched = states.filter(({ service }) => ROLES.some((role) => service.startsWith(role)));
      assert(watched.length === 9, `there are ${watched.length} services of ours, not 9`);
      const isReady = watched.every(({ state }) => state === 'healthy');
      const text = states.map(({ service, state }) => `${service} ${state}`).join(', ');
      return { answer: isReady ? text : undefined, state: text };
    });
  }

  /** Strong and weak, write, read, scan, resume: examples/hello.mjs, from a container, where names resolve. */
  async #useSdk() {
    const said = await this.#callCompose('exec', '-T', 'coordinator', 'node', 'examples/hello.mjs', 'coordinator:7400');
    for (const line of [
      'strong get: hello',
      'weak put: committed',
      'compare-and-set: applied',
      'resumed: written nearby',
    ]) {
      assert(said.includes(line), `examples/hello.mjs did not print "${line}" but\n${said}`);
    }
  }

  async #untilLoadEnded() {
    const load = (await this.#containers()).find((each) => each.Config.Labels['com.docker.compose.service'] === 'load');
    assert(load !== undefined, 'there is no container of the load run');
    const code = (await this.#run('docker', ['wait', load.Id])).trim();
    assert(code === '0', `The load run ended with code ${code}; its log is below.`);
  }

  #checkReport() {
    const runs = readdirSync(this.#results);
    assert(runs.length === 1, `${this.#results} holds ${runs.length} entries, not the one of the load run`);
    const place = path.join(this.#results, runs[0]);
    const result = JSON.parse(readFileSync(path.join(place, 'result.json'), 'utf8'));
    const point = result.points[0];
    assert(point?.verified === true && point.selfCheck.valid, 'the result holds no point that is verified and valid');
    assert(result.workers.length === 2, `the result names ${result.workers.length} load workers, not 2`);
    assert(result.gitCommit === COMMIT, `the result names the commit ${result.gitCommit}, not ${COMMIT}`);
    for (const file of ['report.html', 'report.md']) {
      assert(statSync(path.join(place, file)).size > 1000, `${file} is all but empty`);
    }
    assert(statSync(place).uid === OWNER, `the report belongs to user ${statSync(place).uid}, not to ${OWNER}`);
  }

  /** What a person would look for: every service, and one operation on its whole way. */
  async #checkTraces() {
    const [published] = (await this.#callCompose('port', 'jaeger', '16686')).trim().split('\n');
    const ask = async (question) => {
      const response = await fetch(`http://${published}${question}`, { signal: this.#signal });
      assert(response.ok, `${question} is answered with ${response.status}`);
      return (await response.json()).data ?? [];
    };
    await this.#until('traces of every service', TRACES_MS_LIMIT, async () => {
      const services = await ask('/api/services');
      const hasAll = TRACED.every((service) => services.includes(service));
      return { answer: hasAll ? true : undefined, state: `only of ${services.join(', ') || 'none'}` };
    });
    const traces = await ask('/api/traces?service=curpho-witness&limit=50');
    const spread = Math.max(0, ...traces.map(({ processes }) => countServices(processes)));
    assert(spread >= 3, `no trace of ${traces.length} shows three services; the best shows ${spread}`);
  }

  async #restartCoordinator() {
    await this.#callCompose('restart', 'coordinator');
    await this.#untilHealthy();
    await this.#useSdk();
  }

  /** What Ctrl-C and another `docker-compose up` do. */
  async #startAnew() {
    await this.#callCompose('stop');
    await this.#callCompose('up', '-d');
    await this.#untilHealthy();
    await this.#useSdk();
  }

  async #showLogs() {
    const [command, ...first] = this.#compose;
    const args = [...first, 'logs', '--no-color', '--tail', '15'];
    const logs = await run(command, args, { env: this.#settings }).catch((error) => error.message);
    console.error(logs);
  }

  /** Does as much as it can, whatever fails, and then says what failed. Not ended by the signal that ends the test. */
  async #clean() {
    const problems = [];
    const attempt = (act) => act().catch((error) => problems.push(error.message));
    const [command, ...first] = this.#compose;
    const down = [...first, 'down', '--volumes', '--remove-orphans', '--timeout', '5'];
    await attempt(() => run(command, down, { env: this.#settings }));
    await attempt(async () => {
      const filter = ['--quiet', '--filter', `label=com.docker.compose.project=${this.#project}`];
      for (const kind of [
        ['ps', '--all'],
        ['network', 'ls'],
        ['volume', 'ls'],
      ]) {
        const left = await run('docker', [...kind, ...filter]);
        assert(left === '', `docker ${kind[0]}: ${left}`);
      }
    });
    await attempt(() => this.#standIns.remove(this.#project));
    rmSync(this.#folder, { recursive: true, force: true });
    assert(problems.length === 0, problems.join('\n'));
  }
}

function countServices(processes) {
  return new Set(Object.values(processes).map(({ serviceName }) => serviceName)).size;
}
