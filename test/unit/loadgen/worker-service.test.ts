// How a load process lets itself be driven: one plan at a time, and an end for everything whose driver is gone. Told
// with a load that does nothing until the test says so.

import assert from 'node:assert/strict';
import { type PlannedLoad, WorkerService } from '../../../loadgen/worker/worker-service.js';
import { WorkerError } from '../../../loadgen/worker-error.js';
import type { PhaseResult, PlanRequest } from '../../../proto/gen/curpho/v1/load_worker.js';
import { PhaseResult as PhaseResultMessage } from '../../../proto/gen/curpho/v1/load_worker.js';
import { resetWallClock, wallUs } from '../../../tracing/wall-clock.js';
import { samplePhase, samplePlan } from './worker-samples.js';

const NEVER = new AbortController().signal;
const noProgress = (): void => {};

/** A load whose phase lasts until the test, or its close, ends it. */
class HeldLoad implements PlannedLoad {
  readonly asked: string[] = [];
  readonly closed: Promise<void>;
  isClosed = false;
  endPhase: () => void = () => {};
  #onClosed: () => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  async preload(firstKey: number, endKey: number): Promise<void> {
    this.asked.push(`preload ${firstKey} ${endKey}`);
  }

  expectAllKeys(): void {
    this.asked.push('expect all keys');
  }

  async prepare(threads: number): Promise<void> {
    this.asked.push(`prepare ${threads}`);
  }

  load(): Promise<PhaseResult> {
    this.asked.push('load');
    return new Promise((resolve) => {
      this.endPhase = () => resolve(PhaseResultMessage.create({ operations: 7 }));
    });
  }

  progress() {
    return { operations: 0, inFlight: 0, waiting: 0, errors: 0 };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.endPhase();
    this.#onClosed();
  }
}

/** A service and the loads that it opened, by run. */
function createService(times: { idleMs?: number; takeoverMs?: number } = {}) {
  const loads = new Map<string, HeldLoad>();
  const service = new WorkerService({
    open: async ({ runId }: PlanRequest) => {
      const load = new HeldLoad();
      loads.set(runId, load);
      return load;
    },
    ...times,
  });
  const loadOf = (runId: string): HeldLoad => {
    const load = loads.get(runId);
    assert.ok(load !== undefined, `run ${runId} was not opened`);
    return load;
  };
  const planned = async (runId: string): Promise<HeldLoad> => {
    await service.plan(samplePlan({ runId }), NEVER);
    await service.prepare({ runId, threads: 2, keysAreLoaded: false }, NEVER);
    return loadOf(runId);
  };
  const start = (runId: string, signal: AbortSignal = NEVER) =>
    service.start(samplePhase({ runId, startAtUs: wallUs() }), noProgress, signal);
  return { service, loads, planned, start };
}

function failsWith(code: string, message: RegExp) {
  return (error: unknown) => error instanceof WorkerError && error.code === code && message.test(error.message);
}

describe('the service of a load process', () => {
  it('carries out a plan call by call', async () => {
    const { service, planned, start } = createService();
    const load = await planned('a');
    await service.preload({ runId: 'a', firstKey: 0, endKey: 10 }, noProgress, NEVER);
    await service.prepare({ runId: 'a', threads: 2, keysAreLoaded: true }, NEVER);
    const phase = start('a');
    await Promise.resolve();
    load.endPhase();
    assert.equal((await phase).operations, 7);
    assert.deepEqual(load.asked, ['prepare 2', 'preload 0 10', 'expect all keys', 'prepare 2', 'load']);
    await service.cancel({ runId: 'a' });
    assert.equal(load.isClosed, true);
  });

  it('tells who it is and what its clock says', async () => {
    const { service } = createService();
    const response = await service.plan(samplePlan({ runId: 'a' }), NEVER);
    const before = wallUs();
    const { clockUs } = service.readClock({ runId: 'a' });
    assert.ok(before <= clockUs && clockUs <= wallUs());
    assert.throws(() => service.readClock({ runId: 'b' }), /run a is planned here, not b/);
    assert.deepEqual([response.pid, response.node], [process.pid, process.version]);
    assert.ok(response.name.endsWith(`:${process.pid}`) && response.cpus >= 1);
    await service.close();
  });

  it('takes the time of day anew with every plan, as after a suspended night', async () => {
    const { service } = createService();
    const dayMs = Date.now;
    const anHourMs = 3_600_000;
    try {
      Date.now = () => dayMs() + anHourMs;
      await service.plan(samplePlan({ runId: 'a' }), NEVER);
      const aheadMs = service.readClock({ runId: 'a' }).clockUs / 1000 - dayMs();
      assert.ok(Math.abs(aheadMs - anHourMs) < 60_000, `${aheadMs} ms`);
    } finally {
      Date.now = dayMs;
      resetWallClock();
    }
    assert.ok(Math.abs(wallUs() / 1000 - Date.now()) < 60_000);
    await service.close();
  });

  it('refuses a second driver while a phase runs, naming the run', async () => {
    const { service, loads, planned, start } = createService({ takeoverMs: 0 });
    const load = await planned('a');
    const phase = start('a');
    await assert.rejects(
      service.plan(samplePlan({ runId: 'b' }), NEVER),
      failsWith('WORKER_BUSY', /^run a is under way here: running a phase$/),
    );
    await Promise.resolve();
    load.endPhase();
    assert.equal((await phase).operations, 7);
    assert.deepEqual([...loads.keys()], ['a']);
  });

  it('refuses a second driver while the first connects', async () => {
    const { service } = createService({ takeoverMs: 0 });
    const first = service.plan(samplePlan({ runId: 'a' }), NEVER);
    await assert.rejects(service.plan(samplePlan({ runId: 'b' }), NEVER), failsWith('WORKER_BUSY', /connecting/));
    await first;
    await service.close();
  });

  it('refuses a second driver between two phases of the first', async () => {
    const { service, planned } = createService({ takeoverMs: 60_000 });
    await planned('a');
    await assert.rejects(
      service.plan(samplePlan({ runId: 'b' }), NEVER),
      failsWith('WORKER_BUSY', /run a .* between two phases/),
    );
    await service.close();
  });

  it('replaces a plan that lies idle and closes its connection', async () => {
    const { service, planned } = createService({ takeoverMs: 0 });
    const old = await planned('a');
    await planned('b');
    assert.equal(old.isClosed, true);
    await assert.rejects(
      service.prepare({ runId: 'a', threads: 1, keysAreLoaded: false }, NEVER),
      failsWith('WRONG_RUN', /^run_id: run b is planned here, not a$/),
    );
    await service.close();
  });

  it('refuses calls of another run, naming the field', async () => {
    const { service, planned, start } = createService();
    await assert.rejects(start('a'), failsWith('WRONG_RUN', /^run_id: there is no plan of run a here$/));
    await planned('a');
    await assert.rejects(start('b'), failsWith('WRONG_RUN', /^run_id: /));
    await assert.rejects(service.cancel({ runId: 'b' }), failsWith('WRONG_RUN', /^run_id: /));
    await service.close();
  });

  it('refuses a second call of the same run while one is under way', async () => {
    const { service, planned, start } = createService();
    await planned('a');
    const phase = start('a');
    await assert.rejects(start('a'), failsWith('WORKER_BUSY', /run a .* running a phase/));
    await service.close();
    await assert.rejects(phase);
  });

  it('ends phase and plan when the driver is gone in the middle, and takes the next one', async () => {
    const { planned, start, service } = createService({ takeoverMs: 60_000 });
    const load = await planned('a');
    const driver = new AbortController();
    const phase = start('a', driver.signal);
    await Promise.resolve();
    driver.abort();
    await assert.rejects(phase, failsWith('WRONG_RUN', /run a is over: its driver ended the call, or is gone/));
    assert.equal(load.isClosed, true);
    await planned('b');
    await service.close();
  });

  it('opens the next plan only when nothing of the last phase is left', async () => {
    const { service, loads, planned, start } = createService();
    const load = await planned('a');
    const driver = new AbortController();
    const phase = assert.rejects(start('a', driver.signal));
    await Promise.resolve();
    const endPhase = load.endPhase;
    load.endPhase = () => {};
    driver.abort();
    const next = service.plan(samplePlan({ runId: 'b' }), NEVER);
    next.catch(() => undefined);
    await load.closed;
    // Whatever could follow the close at once has followed by the next turn.
    await new Promise(setImmediate);
    assert.deepEqual([...loads.keys()], ['a']);
    endPhase();
    await Promise.all([phase, next]);
    assert.deepEqual([...loads.keys()], ['a', 'b']);
    await service.close();
  });

  it('closes a connection whose driver went while it was made', async () => {
    const driver = new AbortController();
    const load = new HeldLoad();
    let finish: () => void = () => {};
    const opened = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const service = new WorkerService({
      open: async () => {
        await opened;
        return load;
      },
    });
    const planning = service.plan(samplePlan({}), driver.signal);
    driver.abort();
    finish();
    await assert.rejects(planning, failsWith('WRONG_RUN', /is over/));
    await load.closed;
    assert.deepEqual(load.asked, []);
  });

  it('closes a plan that its driver let lie', async () => {
    const { planned, start } = createService({ idleMs: 1 });
    const load = await planned('a');
    await load.closed;
    await assert.rejects(start('a'), failsWith('WRONG_RUN', /there is no plan/));
  });

  it("keeps nothing of a plan that did not connect, and passes the SDK's error on", async () => {
    const refusal = new WorkerError('UNREACHABLE', 'nobody answers');
    const service = new WorkerService({ open: () => Promise.reject(refusal) });
    await assert.rejects(service.plan(samplePlan({ runId: 'a' }), NEVER), refusal);
    await assert.rejects(service.plan(samplePlan({ runId: 'b' }), NEVER), refusal);
  });

  it('ends what is under way when it closes, and takes nothing more', async () => {
    const { service, planned, start } = createService();
    const load = await planned('a');
    const phase = start('a');
    const lost = assert.rejects(phase, failsWith('WORKER_LOST', /the process is ending/));
    await service.close();
    await lost;
    assert.equal(load.isClosed, true);
    await assert.rejects(service.plan(samplePlan({}), NEVER), failsWith('WORKER_LOST', /ending/));
  });

  it('tells why a plan is over rather than what broke by that', async () => {
    const { service, planned } = createService();
    const load = await planned('a');
    let begin: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    load.preload = async () => {
      begin();
      await load.closed;
      throw new TypeError('the session is closed');
    };
    const lost = assert.rejects(
      service.preload({ runId: 'a', firstKey: 0, endKey: 1 }, noProgress, NEVER),
      failsWith('WRONG_RUN', /its driver cancelled it/),
    );
    await begun;
    await service.cancel({ runId: 'a' });
    await lost;
  });

  it('takes the end of a run that is not there for done', async () => {
    await createService().service.cancel({ runId: 'a' });
  });
});
