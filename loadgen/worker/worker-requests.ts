// What a load process accepts from whoever drives it: every field with its limits. The wire is not trusted, since the
// driver may be another version or another program. Throws `UsageError` naming the field; knows no state.

import type {
  LoadWorkerStartRequest,
  OpenLoop,
  PlanRequest,
  PreloadRequest,
} from '../../proto/gen/curpho/v1/load_worker.js';
import { VALUE_BYTES_LIMIT } from '../../protocol/limits.js';
import { parseChoice, parseOtlp, parseTarget, UsageError } from '../flag-values.js';
import {
  ATTRIBUTE_EVERY_LIMIT,
  BATCH_DELAY_US_LIMIT,
  CLIENTS_LIMIT,
  DURATION_MS_LIMIT,
  IN_FLIGHT_LIMIT,
  PENDINGS_LIMIT,
  RATE_LIMIT,
  REQUESTS_LIMIT,
  THREADS_LIMIT,
  WAITING_LIMIT,
  ZIPF_LIMIT,
} from '../limits.js';
import { ARRIVAL_PATTERNS } from './arrivals.js';
import { KEYS_LIMIT } from './key-space.js';
import { VALUE_BYTES_MIN } from './value-codec.js';

const SEED_WORD_LIMIT = 0xffff_ffff;
/** How far from now a phase may begin, either way: nobody shall keep a process waiting. */
const START_OFF_US_LIMIT = 10_000_000;
const TEXT_LENGTH_LIMIT = 4096;

/**
 * A plan within its limits.
 *
 * @param historyFile the only file that this process may write a history to; null for none.
 */
export function checkPlan(plan: PlanRequest, historyFile: string | null): void {
  checkRunId(plan.runId);
  checkText('target', plan.target);
  parseTarget('target', plan.target);
  checkWhole('client', plan.client, 0, CLIENTS_LIMIT - 1);
  checkWhole('pendings', plan.pendings, 1, PENDINGS_LIMIT);
  checkRange('weak_ratio', plan.weakRatio, 0, 1);
  checkRange('write_ratio', plan.writeRatio, 0, 1);
  checkWhole('keys', plan.keys, 1, KEYS_LIMIT);
  checkRange('zipf', plan.zipf, 0, ZIPF_LIMIT);
  checkWhole('value_bytes', plan.valueBytes, VALUE_BYTES_MIN, VALUE_BYTES_LIMIT);
  checkWhole('seed', plan.seed, 0, Number.MAX_SAFE_INTEGER);
  checkWhole('batch_delay_us', plan.batchDelayUs, 0, BATCH_DELAY_US_LIMIT);
  parseChoice('ack_transport', plan.ackTransport, ['nats', 'stream']);
  if (plan.history !== '' && plan.history !== historyFile) {
    throw new UsageError('history: this process may not write that file; it has to be started with --history <file>');
  }
  if (plan.openLoop !== undefined) checkOpenLoop(plan.openLoop);
  checkText('otlp_url', plan.otlpUrl);
  if (plan.otlpUrl !== '') parseOtlp('otlp_url', plan.otlpUrl);
  checkWhole('attribute_every', plan.attributeEvery, 0, ATTRIBUTE_EVERY_LIMIT);
  checkRange('trace_ratio', plan.traceRatio, 0, 1);
}

function checkOpenLoop(openLoop: OpenLoop): void {
  checkRange('open_loop.rate', openLoop.rate, Number.MIN_VALUE, RATE_LIMIT);
  parseChoice('open_loop.arrivals', openLoop.arrivals, ARRIVAL_PATTERNS);
  checkWhole('open_loop.in_flight_limit', openLoop.inFlightLimit, 1, IN_FLIGHT_LIMIT);
  checkWhole('open_loop.waiting_limit', openLoop.waitingLimit, 0, WAITING_LIMIT);
}

/** A range of keys of the plan. */
export function checkPreload(request: PreloadRequest, plan: PlanRequest): void {
  checkWhole('end_key', request.endKey, 0, plan.keys);
  checkWhole('first_key', request.firstKey, 0, request.endKey);
}

/** A number of sessions. */
export function checkPrepare({ threads }: { threads: number }): void {
  checkWhole('threads', threads, 1, THREADS_LIMIT);
}

/** A phase that begins about `nowUs`, microseconds since 1970, for which sessions were opened. */
export function checkStart(request: LoadWorkerStartRequest, sessions: number, nowUs: number): void {
  if (sessions === 0) throw new UsageError('threads: no sessions are open; Prepare comes before Start');
  checkWhole('threads', request.threads, 1, sessions);
  const aheadUs = request.startAtUs - nowUs;
  if (!(Math.abs(aheadUs) <= START_OFF_US_LIMIT)) {
    const seconds = (aheadUs / 1_000_000).toFixed(1);
    throw new UsageError(`start_at_us: ${seconds} s from now by this process's clock; at most 10 s are possible`);
  }
  checkWhole('settle_ms', request.settleMs, 0, DURATION_MS_LIMIT);
  checkWhole('requests', request.requests, 0, REQUESTS_LIMIT);
  checkWhole('duration_ms', request.durationMs, request.requests === 0 ? 1 : 0, DURATION_MS_LIMIT);
  checkWhole('seed_word', request.seedWord, 0, SEED_WORD_LIMIT);
}

/** The name of a run. */
export function checkRunId(runId: string): void {
  if (!/^[\w-]{1,64}$/.test(runId)) {
    throw new UsageError(`run_id: ${JSON.stringify(runId.slice(0, 80))} is not 1 to 64 letters, digits, _ or -`);
  }
}

function checkText(field: string, text: string): void {
  if (text.length > TEXT_LENGTH_LIMIT) throw new UsageError(`${field}: longer than ${TEXT_LENGTH_LIMIT} characters`);
}

function checkWhole(field: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new UsageError(`${field}: ${value} is not a whole number from ${min} to ${max}`);
}

function checkRange(field: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  const from = min === Number.MIN_VALUE ? 'more than 0' : `${min}`;
  throw new UsageError(`${field}: ${value} is not a number from ${from} to ${max}`);
}
