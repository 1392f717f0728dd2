// Flags: defaults of the study, limits, and errors that name the flag.

import assert from 'node:assert/strict';
import { defaultScheduling } from '../../../deploy/scheduling.js';
import { UsageError } from '../../../loadgen/flag-values.js';
import { parseOutput, parsePlan, type RawFlags, RUN_DEFAULTS, SWEEP_DEFAULTS } from '../../../loadgen/plan.js';

describe('parsePlan', () => {
  it('sweeps like the study where nothing is said', () => {
    const plan = parsePlan({}, SWEEP_DEFAULTS);
    assert.deepEqual(plan, {
      clients: 2,
      threads: [2, 4, 6, 8],
      pendings: 10,
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
      descriptorLimit: 200,
      shards: null,
      batchDelayUs: 0,
      ackTransport: 'nats',
      scheduling: defaultScheduling(),
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
