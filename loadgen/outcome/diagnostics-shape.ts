// The shape of a point's diagnostics in `result.json`, checked field by field when a result is read back. Knows types, not
// whether figures agree.

import { z } from 'zod';
import type { MachineLoad, MissingProcess, ProcessDiagnostics } from './diagnostics.js';

const number = z.number();
const maybe = number.nullable();
const count = z.int().nonnegative();
const text = z.string();

export const processDiagnosticsShape: z.ZodType<ProcessDiagnostics> = z.object({
  role: text,
  nodeId: text,
  pid: count,
  epoch: count,
  windows: count,
  elapsedMs: number.positive(),
  processor: z.object({
    userMs: number,
    systemMs: number,
    share: number,
    runDelayMs: maybe,
    runDelayShare: maybe,
    voluntarySwitches: count,
    involuntarySwitches: count,
  }),
  eventLoop: z.object({ utilization: number, delayP50Ms: maybe, delayP99Ms: maybe, delayMaxMs: maybe }),
  garbage: z.record(text, z.object({ count, totalMs: number, maxMs: number })),
  residentBytes: count,
  traffic: z.object({
    framesIn: count,
    framesOut: count,
    bytesIn: count,
    bytesOut: count,
    operationFrames: count,
    operations: count,
    operationsPerFrame: maybe,
  }),
  counters: z.record(text, count),
  gauges: z.record(text, z.object({ now: number, mean: number, max: number })),
  peaks: z.record(text, number),
});

export const missingProcessShape: z.ZodType<MissingProcess> = z.object({
  role: text,
  nodeId: text,
  address: text,
  iteration: z.int().positive(),
  reason: text,
});

export const machineLoadShape: z.ZodType<MachineLoad> = z.object({
  cores: count,
  runnableMean: number,
  runnableMax: number,
  samples: count,
});
