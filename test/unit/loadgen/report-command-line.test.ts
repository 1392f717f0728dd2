// The command line that a report gives for repeating its measurement.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { type LoadPlan, parsePlan, type RawFlags, STUDY_DEFAULTS } from '../../../loadgen/plan.js';
import { commandLinePieces } from '../../../loadgen/report/command-line.js';

/** The plan that a shell and the load generator make of a command line. */
function planOf(pieces: readonly string[]): LoadPlan {
  const script = `printf '%s\\n' ${pieces.slice(2).join(' ')}`;
  const words = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n');
  const flags: Record<string, string | boolean> = {};
  for (let at = 0; at < words.length; at++) {
    const name = (words[at] ?? '').slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    if (name === 'preload' || name === 'probes') flags[name] = true;
    else if (name === 'noProbes') flags.probes = false;
    else flags[name] = words[++at] ?? '';
  }
  return parsePlan(flags as RawFlags, STUDY_DEFAULTS);
}

describe('command line of a report', () => {
  const cases: Record<string, RawFlags> = {
    'the study': {},
    'a closed loop with everything set': {
      clients: '4',
      threads: '3,9',
      pendings: '7',
      requests: '1000',
      warmup: '250ms',
      iterations: '2',
      weakRatio: '0.25',
      writeRatio: '1',
      keys: '500',
      zipf: '0',
      valueBytes: '64',
      preload: true,
      seed: '9007199254740991',
      descriptorLimit: '10',
      shards: '8',
      batchDelay: '100',
      ackTransport: 'stream',
      durability: 'disk',
      scheduling: 'normal',
      goal: 'opsPerSecond>=23000,weakP50Ms<2',
    },
    'an open loop with load workers and tracing': {
      threads: '4',
      rate: '2500/s',
      arrivals: 'constant',
      inFlightLimit: '100',
      waitingLimit: '0',
      workers: '127.0.0.1:7001,127.0.0.1:7002',
      target: '127.0.0.1:9001,127.0.0.1:9002',
      otlp: 'http://127.0.0.1:4317',
      traceRatio: '0.5',
    },
  };
  for (const [name, flags] of Object.entries(cases)) {
    it(`leads to the same plan: ${name}`, () => {
      const plan = parsePlan(flags, STUDY_DEFAULTS);
      assert.deepEqual(planOf(commandLinePieces(plan)), plan);
    });
  }

  it('quotes what a shell would take apart', () => {
    const plan = { ...parsePlan({}, STUDY_DEFAULTS), target: "a'b; c" };
    assert.ok(commandLinePieces(plan).includes("--target 'a'\\''b; c'"));
  });

  it('names the command that measures so many points', () => {
    assert.equal(commandLinePieces(parsePlan({ threads: '4' }, STUDY_DEFAULTS))[1], 'run');
    assert.equal(commandLinePieces(parsePlan({ threads: '4,8' }, STUDY_DEFAULTS))[1], 'sweep');
  });
});
