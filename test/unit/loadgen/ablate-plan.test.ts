// What an ablation is going to measure: levels as plans, their rotation, and what is refused before anything starts.

import assert from 'node:assert/strict';
import { listRuns, parseAblation, type RawAblationFlags } from '../../../loadgen/ablate/ablation-plan.js';
import { FACTOR_NAMES } from '../../../loadgen/ablate/factors.js';
import { runCli } from '../../../loadgen/cli.js';
import type { LoadPlan } from '../../../loadgen/plan.js';
import { Sink } from './sink.js';

/** Per level the settings in which its plan differs from that of the baseline. */
function turned(flags: RawAblationFlags): Record<string, Partial<LoadPlan>[]> {
  const { factors, base } = parseAblation(flags);
  const entries = Object.entries(base);
  return Object.fromEntries(
    factors.map(({ name, levels }) => [
      name,
      levels.map(({ plan }) => {
        const own = new Map<string, unknown>(Object.entries(plan));
        return Object.fromEntries(
          entries
            .filter(([field, value]) => JSON.stringify(own.get(field)) !== JSON.stringify(value))
            .map(([field]) => [field, own.get(field)]),
        );
      }),
    ]),
  );
}

describe('the plan of an ablation', () => {
  it('turns one setting at a time, from the defaults of the study at 16 streams, to the levels of its follow-up', () => {
    assert.deepEqual(turned({}), {
      pendings: [{}, { pendings: 5 }, { pendings: 20 }, { pendings: 30 }],
      'descriptor-limit': [{}, { descriptorLimit: 500 }],
      shards: [{}, { shards: 512 }, { shards: 32_768 }],
      'batch-delay': [{}, { batchDelayUs: 50 }, { batchDelayUs: 150 }],
      'ack-transport': [{}, { ackTransport: 'stream' }],
      durability: [{}, { durability: 'disk' }],
      tracing: [{}, { traceRatio: 0.01 }],
      'weak-ratio': [{}, { weakRatio: 0 }, { weakRatio: 0.9 }],
      'run-length': [
        {},
        { durationMs: 1000 },
        { durationMs: 15_000 },
        { durationMs: 1000, warmupMs: 0, settleMs: 0 },
        { warmupMs: 0, settleMs: 0 },
      ],
    });
    const { base, repetitions } = parseAblation({});
    assert.deepEqual([base.clients, base.threads, base.pendings, base.iterations], [2, [8], 10, 1]);
    assert.equal(repetitions, 3);
  });

  it('takes the first of given levels for the baseline', () => {
    const { factors } = parseAblation({ factors: 'batch-delay', levels: ['batch-delay=20,0'] });
    assert.deepEqual(
      factors.map(({ baseline, levels }) => [baseline.level, levels.map(({ label }) => label)]),
      [['20', ['20 µs', '0 µs']]],
    );
  });

  it('has the levels of a factor take turns, factor after factor', () => {
    const plan = parseAblation({ factors: 'batch-delay,ack-transport', repetitions: '3' });
    const order = listRuns(plan).map(({ level, repetition }) => `${repetition}:${level}`);
    assert.deepEqual(order, [
      ...['1:0', '1:50', '1:150', '2:50', '2:150', '2:0', '3:150', '3:0', '3:50'],
      ...['1:nats', '1:stream', '2:stream', '2:nats', '3:nats', '3:stream'],
    ]);
  });

  it('gives both runs of a pair the same operations, and every pair others', () => {
    const seeds = listRuns(parseAblation({ factors: 'ack-transport', repetitions: '2', seed: '7' })).map(
      ({ level, plan }) => `${level} ${plan.seed}`,
    );
    assert.deepEqual(seeds, ['nats 7', 'stream 7', 'stream 8', 'nats 8']);
  });

  const REFUSED: [string[], RegExp][] = [
    [['--factors', 'colour'], /--factors: 'colour' is not one of pendings, descriptor-limit, /],
    [['--factors', 'shards,shards'], /--factors: 'shards,shards' names a factor twice/],
    [['--repetitions', '0'], /--repetitions: '0' is not a whole number from 1 to 100/],
    [['--threads', '2,8'], /--threads: '2,8' is a list; an ablation measures one stream count/],
    [['--threads', '0'], /^loadgen: --threads: '0' is not a whole number from 1 to 1024/],
    [['--duration', '5'], /--duration: '5' is not a duration from 100ms to 86400s/],
    [['--warmup', '-1s'], /--warmup: '-1s' is not a duration from 0ms/],
    [['--levels', 'shards'], /--levels: 'shards' is not factor=a,b,… such as/],
    [['--levels', 'colour=1,2'], /--levels: 'colour' is not one of pendings, /],
    [['--levels', 'shards=512'], /--levels: 'shards=512' has 1 levels, 2 to 12 are possible/],
    [['--levels', 'shards=0,512'], /--levels shards=0: --shards: '0' is not a whole number from 1 to 65536/],
    [['--levels', 'shards=512,512'], /--levels shards: '512' and '512' are the same level/],
    [['--levels', 'tracing=0,1%'], /--levels tracing=1%: --trace-ratio: '1%' is not a fraction from 0 to 1/],
    [['--levels', 'run-length=5s,1-cold'], /--levels run-length=1-cold: --duration: '1' is not a duration/],
    [['--levels', 'shards=1,2', '--levels', 'shards=3,4'], /--levels: the levels of shards are given twice/],
    [['--factors', 'shards', '--levels', 'pendings=1,2'], /--levels: pendings is not among the --factors shards/],
  ];
  for (const [args, message] of REFUSED) {
    it(`refuses ${args.join(' ')} before anything is started`, async () => {
      const [stdout, stderr] = [new Sink(), new Sink()];
      const exitCode = await runCli(['ablate', ...args], { stdout, stderr, signal: new AbortController().signal });
      assert.equal(exitCode, 2, stderr.text);
      assert.match(stderr.text, message);
      assert.equal(stdout.text, '');
    });
  }

  it('lists every factor with its levels in the help', async () => {
    const stdout = new Sink();
    const exitCode = await runCli(['ablate', '--help'], {
      stdout,
      stderr: new Sink(),
      signal: new AbortController().signal,
    });
    assert.equal(exitCode, 0);
    for (const name of FACTOR_NAMES) assert.match(stdout.text, new RegExp(`^ {2}${name} `, 'm'));
    assert.match(stdout.text, /^ {2}run-length +5s, 1s, 15s, 1s-cold, 5s-cold$/m);
  });
});
