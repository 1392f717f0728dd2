// Flags: defaults of the study, limits, and errors that name the flag.

import assert from 'node:assert/strict';
import { defaultScheduling } from '../../../deploy/scheduling.js';
import { UsageError } from '../../../loadgen/flag-values.js';
import {
  parseOutput,
  parsePlan,
  type RawFlags,
  RUN_DEFAULTS,
  STUDY_DEFAULTS,
  SWEEP_DEFAULTS,
} from '../../../loadgen/plan.js';

describe('parsePlan', () => {
  it('sweeps like the study where nothing is said', () => {
    const plan = parsePlan({}, SWEEP_DEFAULTS);
    assert.deepEqual(plan, {
      clients: 2,
      threads: [2, 4, 6, 8],
      pendings: 10,
      rate: null,
      arrivals: 'poisson',
      inFlightLimit: 10_000,
      waitingLimit: 100_000,
      durationMs: 5000,
      requests: null,
      warmupMs: 10_000,
      settleMs: 1000,
      iterations: 3,
      weakRatio: 0.5,
      writeRatio: 0.1,
      keys: 1_000_000,
      zipf: 0.9,
      valueBytes: 100,
      preload: false,
      seed: 1,
      target: null,
      workers: null,
      descriptorLimit: 200,
      shards: null,
      batchDelayUs: 0,
      ackTransport: 'nats',
      durability: 'memory',
      scheduling: defaultScheduling(),
      otlpUrl: null,
      traceRatio: 0,
      attributeEvery: 16,
      probes: false,
      goal: [],
    });
  });

  it('takes what is given, exactly', () => {
    const plan = parsePlan(
      { threads: '2, 8', duration: '1.5s', warmup: '200ms', zipf: '0.99', weakRatio: '0.333', shards: '64' },
      SWEEP_DEFAULTS,
    );
    assert.deepEqual([plan.threads, plan.durationMs, plan.warmupMs, plan.settleMs], [[2, 8], 1500, 200, 200]);
    assert.deepEqual([plan.zipf, plan.weakRatio, plan.shards], [0.99, 0.333, 64]);
  });

  it('takes an open loop at a rate', () => {
    for (const rate of ['2000/s', '2000', '2k/s', '2k']) assert.equal(parsePlan({ rate }, RUN_DEFAULTS).rate, 2000);
    assert.equal(parsePlan({ rate: '1.5/s' }, RUN_DEFAULTS).rate, 1.5);
    const plan = parsePlan(
      { rate: '1', arrivals: 'constant', inFlightLimit: '5', waitingLimit: '0', duration: '5s' },
      RUN_DEFAULTS,
    );
    assert.deepEqual([plan.arrivals, plan.inFlightLimit, plan.waitingLimit], ['constant', 5, 0]);
  });

  it('makes every given worker one client', () => {
    const plan = parsePlan({ workers: 'host-a:7500, host-b:7500,host-b:7501' }, RUN_DEFAULTS);
    assert.deepEqual([plan.workers, plan.clients], [['host-a:7500', 'host-b:7500', 'host-b:7501'], 3]);
  });

  it('traces a share of operations: what is given, else one in a hundred with an endpoint, else what the command does', () => {
    const otlp = 'http://127.0.0.1:4317';
    assert.equal(parsePlan({}, STUDY_DEFAULTS).traceRatio, 0.0002);
    assert.deepEqual(
      [parsePlan({ otlp }, STUDY_DEFAULTS).otlpUrl, parsePlan({ otlp }, STUDY_DEFAULTS).traceRatio],
      [otlp, 0.01],
    );
    assert.equal(parsePlan({ otlp, traceRatio: '0.5' }, RUN_DEFAULTS).traceRatio, 0.5);
    assert.equal(parsePlan({ traceRatio: '0' }, STUDY_DEFAULTS).traceRatio, 0);
  });

  const refused: [RawFlags, RegExp][] = [
    [{ weakRatio: '50' }, /^--weak-ratio: '50' is not a fraction from 0 to 1/],
    [{ weakRatio: '50%' }, /^--weak-ratio/],
    [{ writeRatio: '1.01' }, /^--write-ratio/],
    [{ writeRatio: '-0.1' }, /^--write-ratio/],
    [{ writeRatio: 'NaN' }, /^--write-ratio/],
    [{ clients: '0' }, /^--clients: '0' is not a whole number from 1 to 64/],
    [{ clients: '2.5' }, /^--clients/],
    [{ threads: '2,2' }, /names a point twice/],
    [{ threads: '2,,4' }, /^--threads/],
    [{ pendings: '' }, /^--pendings/],
    [{ duration: '5' }, /^--duration: '5' is not a duration/],
    [{ duration: '1ms' }, /^--duration/],
    [{ keys: '50000001' }, /^--keys/],
    [{ zipf: '-1' }, /^--zipf/],
    [{ valueBytes: '23' }, /^--value-bytes: '23' is not a whole number from 24 to 1048576/],
    [{ valueBytes: '1048577' }, /^--value-bytes/],
    [{ target: 'somewhere' }, /^--target: 'somewhere' is not host:port/],
    [{ target: 'a:1,b:99999' }, /^--target: 'b:99999'/],
    [{ ackTransport: 'pigeon' }, /^--ack-transport: 'pigeon' is not one of nats, stream/],
    [{ requests: '10', duration: '5s' }, /--requests and --duration/],
    [{ target: 'a:1', shards: '2' }, /^--shards is a setting of the services/],
    [{ target: 'a:1', descriptorLimit: '2' }, /^--descriptor-limit is a setting/],
    [{ rate: '0' }, /^--rate: '0' is not a rate from 1\/s to 1000000\/s/],
    [{ rate: '2000/m' }, /^--rate: '2000\/m'/],
    [{ rate: '1001k' }, /^--rate/],
    [{ rate: '100', requests: '10' }, /^--requests is a setting of the closed loop.*--rate/],
    [{ rate: '100', pendings: '10' }, /^--pendings is a setting of the closed loop.*--rate/],
    [{ rate: '100', arrivals: 'bursts' }, /^--arrivals: 'bursts' is not one of poisson, constant/],
    [{ rate: '100', inFlightLimit: '0' }, /^--in-flight-limit: '0' is not a whole number from 1 to 1000000/],
    [{ rate: '100', waitingLimit: '-1' }, /^--waiting-limit/],
    [{ arrivals: 'poisson' }, /^--arrivals is a setting of the open loop: it needs --rate/],
    [{ inFlightLimit: '5' }, /^--in-flight-limit .* needs --rate/],
    [{ waitingLimit: '5' }, /^--waiting-limit .* needs --rate/],
    [{ workers: 'a' }, /^--workers: 'a' is not host:port/],
    [{ workers: 'a:1,a:1' }, /^--workers: 'a:1,a:1' names a worker twice/],
    [{ workers: Array.from({ length: 65 }, (_, at) => `a:${at + 1}`).join() }, /^--workers: 65 addresses, at most 64/],
    [{ workers: 'a:1', clients: '1' }, /^--clients cannot be given together with --workers/],
    [{ workers: 'a:1', history: 'h' }, /^--history cannot be given together with --workers/],
    [{ otlp: 'http://localhost:0' }, /^--otlp: must be http:\/\/host:port/],
    [{ workers: 'a:1', traceRatio: '0.1' }, /--trace-ratio needs --otlp/],
    [{ otlp: 'file:///spans' }, /^--otlp/],
    [{ traceRatio: '1%' }, /^--trace-ratio/],
    [{ goal: 'speed>1' }, /^--goal: unknown metric 'speed'/],
  ];
  for (const [flags, message] of refused) {
    it(`refuses ${JSON.stringify(flags)}`, () => {
      assert.throws(
        () => parsePlan(flags, SWEEP_DEFAULTS),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }

  it('measures one point in a run', () => {
    assert.deepEqual(parsePlan({}, RUN_DEFAULTS).threads, [8]);
    assert.throws(() => parsePlan({ threads: '2,8' }, RUN_DEFAULTS), /run measures one point/);
  });
});

describe('parseOutput', () => {
  it('names the default directory by the time', () => {
    assert.equal(parseOutput({}, new Date('2030-02-03T04:05:06.789Z')).out, 'results/2030-02-03T04-05-06');
  });
});
