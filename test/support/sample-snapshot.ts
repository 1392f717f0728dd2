// What a process might tell of itself, for tests of reports and of what is put together from several windows.

import type { DiagnosticsSnapshot } from '../../proto/gen/curpho/v1/diagnostics.js';

/** A replica that was half busy for a second; `changes` replace fields of it. */
export function sampleSnapshot(changes: Partial<DiagnosticsSnapshot> = {}): DiagnosticsSnapshot {
  return {
    role: 'replica',
    nodeId: 'r0',
    pid: 100,
    epoch: 1,
    resets: 1,
    elapsedUs: 1_000_000,
    eventLoop: { utilization: 0.5, delay: { count: 90, p50Ms: 0.3, p99Ms: 4, maxMs: 9 } },
    garbage: [{ kind: 'minor', count: 10, totalMs: 12, maxMs: 3 }],
    processor: {
      userUs: 400_000,
      systemUs: 100_000,
      runDelayUs: 80_000,
      voluntarySwitches: 900,
      involuntarySwitches: 40,
    },
    residentBytes: 166e6,
    traffic: { framesIn: 2000, framesOut: 2400, bytesIn: 4e6, bytesOut: 5e6, operationFrames: 1500, operations: 9000 },
    counters: { conflicts: 5, 'refused.full': 0 },
    gauges: { uncommitted: { now: 0, mean: 12, max: 40 }, descriptorLimit: { now: 500, mean: 500, max: 500 } },
    peaks: { queueLengthMax: 3 },
    ...changes,
  };
}

/** The load process of a number. */
export function sampleClientSnapshot(client: number, changes: Partial<DiagnosticsSnapshot> = {}): DiagnosticsSnapshot {
  return sampleSnapshot({
    role: 'client',
    nodeId: `client-${client}`,
    pid: 200 + client,
    counters: { fast: 100, 'slow.leaderConflict': 2 },
    gauges: { inFlight: { now: 0, mean: 40, max: 40 } },
    peaks: {},
    ...changes,
  });
}
