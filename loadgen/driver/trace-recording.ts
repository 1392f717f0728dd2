// Where the spans of a run go: to the collector that the user named, or else into a file beside the result, through a
// collector of our own that lives as long as the run. Knows nothing of what is traced.

import path from 'node:path';

import type { TraceCollector } from '../../tracing/collector.js';
import type { TraceSummary } from '../outcome/result.js';
import type { LoadPlan } from '../plan.js';

/** Name of the file below the directory of the result. */
export const TRACES_FILE = 'traces.jsonl';

/** The spans of one run on their way. */
export interface TraceRecording {
  /** Where processes send their spans; empty if nothing is traced. */
  readonly otlpUrl: string;
  /** Ends it, after the last process has; answers what was recorded, null where somebody else records. */
  close(): Promise<TraceSummary | null>;
}

const NOTHING: TraceRecording = { otlpUrl: '', close: async () => null };

/** Opens what the plan asks for. `out` is the directory of the result. */
export async function openTraceRecording(plan: LoadPlan, out: string): Promise<TraceRecording> {
  if (plan.traceRatio === 0) return NOTHING;
  if (plan.otlpUrl !== null) return { ...NOTHING, otlpUrl: plan.otlpUrl };
  // Loaded here, because most runs trace nothing.
  const { openTraceCollector } = await import('../../tracing/collector.js');
  const collector = await openTraceCollector({ listen: '127.0.0.1:0', file: path.join(out, TRACES_FILE) });
  return { otlpUrl: `http://${collector.address}`, close: () => closeCollector(collector) };
}

async function closeCollector(collector: TraceCollector): Promise<TraceSummary> {
  await collector.close();
  const { traces, spans, dropped } = collector.stats();
  return { file: TRACES_FILE, traces, spans, dropped };
}
