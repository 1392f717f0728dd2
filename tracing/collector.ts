// Receives spans over OTLP/gRPC, from our processes or any other, hands them on and writes them to a file. Keeps no span
// and draws nothing: that is what trace viewers are for.

import { type handleUnaryCall, Server, ServerCredentials, type ServerErrorResponse, status } from '@grpc/grpc-js';
import {
  type ExportTraceServiceResponse,
  TraceServiceService,
} from '../proto/gen/opentelemetry/proto/collector/trace/v1/trace_service.js';
import type { ResourceSpans } from '../proto/gen/opentelemetry/proto/trace/v1/trace.js';
import { toHex } from './otlp-json.js';
import { decodeExport, type ExportCounts, scanExport } from './trace-export.js';
import { TraceFile } from './trace-file.js';

/** What a collector does with spans. */
export interface TraceCollectorOptions {
  /** host:port to listen on; port 0 picks a free one. */
  listen: string;
  /** File for the spans, replaced if it exists and written at the close: OTLP JSON, one line per export. */
  file: string | null;
  /** Length of the file at most; 20 MB by default. */
  fileBytesLimit?: number;
  /** Receives every export, without the spans that have no proper ids. What it throws, the sender is told. */
  onSpans?: (resourceSpans: readonly ResourceSpans[]) => void;
}

/** What a collector has taken; once it is closed, what is in the file, if there is one. */
export interface TraceCollectorCounts {
  /** Distinct traces; counted no further than 2^18 while spans come in. */
  traces: number;
  spans: number;
  /** Spans that were no spans or did not go into the file. */
  dropped: number;
}

/** A collector that is open. */
export interface TraceCollector {
  /** host:port with the real port. */
  readonly address: string;
  stats(): TraceCollectorCounts;
  /** Answers the calls under way, writes the file and ends. Rejects if the disk does not take the file. */
  close(): Promise<void>;
}

const FILE_BYTES_LIMIT = 20_000_000;
const MESSAGE_BYTES_LIMIT = 16 << 20;
const CALLS_PER_CONNECTION_LIMIT = 32;
const TRACES_COUNTED_LIMIT = 1 << 18;
const CLOSE_GRACE_MS = 1000;

/** The call with its request as bytes: what is not OTLP gets an answer of ours rather than a failure of the server. */
const rawService = { export: { ...TraceServiceService.export, requestDeserialize: (bytes: Buffer): Buffer => bytes } };

/**
 * Begins to receive spans.
 * @throws if the address cannot be had or the file cannot be written.
 */
export async function openTraceCollector(options: TraceCollectorOptions): Promise<TraceCollector> {
  const { fileBytesLimit = FILE_BYTES_LIMIT } = options;
  const file = options.file === null ? null : await TraceFile.create(options.file, fileBytesLimit);
  const intake = new SpanIntake(file, options.onSpans);
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_LIMIT,
    'grpc.max_concurrent_streams': CALLS_PER_CONNECTION_LIMIT,
  });
  const onExport: handleUnaryCall<Buffer, ExportTraceServiceResponse> = (call, answer) => {
    try {
      answer(null, intake.take(call.request));
    } catch (error) {
      answer(describeRefusal(error));
    }
  };
  server.addService(rawService, { export: onExport });
  try {
    const port = await bind(server, options.listen);
    return {
      address: `${options.listen.slice(0, options.listen.lastIndexOf(':'))}:${port}`,
      stats: () => intake.counts(),
      close: async () => {
        await closeServer(server);
        await intake.close();
      },
    };
  } catch (error) {
    await intake.close();
    throw error;
  }
}

/** The sender's message is not what the call takes. */
class NotOtlpError extends Error {}

/** Everything between the bytes of a call and its answer. */
class SpanIntake {
  readonly #file: TraceFile | null;
  readonly #onSpans: TraceCollectorOptions['onSpans'];
  readonly #traceIds = new Set<string>();
  #counts: TraceCollectorCounts = { traces: 0, spans: 0, dropped: 0 };

  constructor(file: TraceFile | null, onSpans: TraceCollectorOptions['onSpans']) {
    this.#file = file;
    this.#onSpans = onSpans;
  }

  counts(): TraceCollectorCounts {
    return { ...this.#counts };
  }

  /** @throws NotOtlpError */
  take(bytes: Buffer): ExportTraceServiceResponse {
    const { spans, invalid } = this.#scan(bytes);
    const leftOut = this.#file === null || this.#file.maybeHold(bytes) ? 0 : spans;
    this.#counts.traces = this.#traceIds.size;
    this.#counts.spans += spans - leftOut;
    this.#counts.dropped += invalid + leftOut;
    if (this.#onSpans !== undefined) this.#onSpans(parse(() => decodeExport(bytes)));
    if (invalid + leftOut === 0) return { partialSuccess: undefined };
    return { partialSuccess: { rejectedSpans: invalid + leftOut, errorMessage: describeRejected(invalid, leftOut) } };
  }

  /** Writes the file; from then on the counts are what is in it. */
  async close(): Promise<void> {
    if (this.#file === null) return;
    const { traces, spans } = await this.#file.close();
    this.#counts = { traces, spans, dropped: this.#counts.dropped + this.#counts.spans - spans };
  }

  #scan(bytes: Buffer): ExportCounts {
    return parse(() =>
      scanExport(bytes, (traceId) => {
        if (this.#traceIds.size < TRACES_COUNTED_LIMIT) this.#traceIds.add(toHex(traceId));
      }),
    );
  }
}

function parse<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new NotOtlpError(`not an OTLP trace export: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function describeRejected(invalid: number, leftOut: number): string {
  const reasons: string[] = [];
  if (invalid > 0) reasons.push(`${invalid} spans whose ids have the wrong length or are all zero`);
  if (leftOut > 0) reasons.push(`${leftOut} spans left out because the file is full`);
  return reasons.join('; ');
}

function describeRefusal(error: unknown): Partial<ServerErrorResponse> {
  const details = error instanceof Error ? error.message : String(error);
  return { code: error instanceof NotOtlpError ? status.INVALID_ARGUMENT : status.INTERNAL, details };
}

function bind(server: Server, listen: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(new Error(`traces: cannot listen on ${listen}: ${error.message}`));
    });
  });
}

/** Lets the calls under way end, at most for the grace time. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, CLOSE_GRACE_MS);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
