// A calibration with its two processes, as short as it can be: what it reports and that nothing is left of it.

import assert from 'node:assert/strict';
import { runCli } from '../../loadgen/cli.js';
import { Sink } from '../unit/loadgen/sink.js';

describe('loadgen calibrate', () => {
  async function calibrate(args: string[], signal = new AbortController().signal) {
    const [stdout, stderr] = [new Sink(), new Sink()];
    const exitCode = await runCli(['calibrate', '--duration', '50ms', ...args], { stdout, stderr, signal });
    return { exitCode, stdout: stdout.text, stderr: stderr.text };
  }

  it('prints one JSON document with every step, all figures measured', async () => {
    const { exitCode, stdout, stderr } = await calibrate(['--json', '--scheduling', 'normal']);
    assert.equal(exitCode, 0, stderr);
    const { schemaVersion, scheduling, ceilings, roundTrips, timers } = JSON.parse(stdout);
    assert.deepEqual([schemaVersion, scheduling], [1, 'normal']);
    const stepsOf = (rows: { frameBytes: number; streams: number; windowFrames: number }[]) =>
      rows.map(({ frameBytes, streams, windowFrames }) => `${frameBytes}/${streams}/${windowFrames}`).join(' ');
    assert.equal(stepsOf(ceilings), '100/1/8 100/2/8 1024/1/8 1024/2/8 4096/1/8 4096/2/8 16384/1/8 16384/2/8');
    assert.equal(stepsOf(roundTrips), '100/1/1 1024/1/1 4096/1/1 16384/1/1');
    for (const row of [...ceilings, ...roundTrips]) {
      assert.ok(row.frames > 0 && row.framesPerSecond > 0 && row.mibPerSecond > 0);
      assert.ok(row.driverCpuUs > 0 && row.echoCpuUs > 0, 'both processes tell their processor time');
      assert.ok(row.roundTripP50Us > 0 && row.roundTripP50Us <= row.roundTripP99Us);
    }
    assert.ok(timers.oneMsTimeoutP50Ms >= 1 && timers.turnUs > 0);
  });

  it('prints tables and what they mean for operations', async () => {
    const { exitCode, stdout } = await calibrate([]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /16,384 B │ 2 /);
    assert.match(stdout, /with 20 operations of 204 B per frame \(4,096 B\): [\d,]+ operations\/s/);
    assert.match(stdout, /setTimeout of 1 ms takes \d+\.\d\d ms/);
  });

  it('ends with 130 on an interrupt', async () => {
    const interrupt = new AbortController();
    const running = calibrate([], interrupt.signal);
    interrupt.abort();
    const { exitCode, stdout } = await running;
    assert.deepEqual([exitCode, stdout], [130, '']);
  });
});
