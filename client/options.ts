// Checks and completes `ConnectOptions`. Every default of the SDK that a caller may change stands here, once.

import { NUMBER_LIMIT } from '../protocol/limits.js';
import type { CommandId } from '../protocol/messages.js';
import { invalidArgument } from './client-error.js';
import type { ClientTracing, ConnectOptions } from './types.js';

/** Longest wait that a caller may ask for, milliseconds. */
export const DEADLINE_MS_LIMIT = 24 * 60 * 60 * 1000;

/** {@link ConnectOptions} with nothing left open. */
export interface CheckedOptions {
  /** Coordinators, `host:port` each, in the order they are tried. */
  targets: string[];
  /** The only cluster to talk to; empty for whichever answers. */
  clusterId: string;
  deadlineMs: number;
  ackTransport: 'nats' | 'stream';
  ackWaitUs: number;
  aliveEveryUs: number;
  writeSetLimit: number;
  batchDelayUs: number;
  /** Name of the replica to bind to; null for the closest. */
  boundReplica: string | null;
  /** Null where nothing is traced. */
  tracing: ClientTracing | null;
  /** Every so manieth operation has a time line; 0 for none. */
  timeLineEvery: number;
}

/** Checks what `connect` was given. Fails with `INVALID_ARGUMENT` naming the option. */
export function checkConnectOptions(options: ConnectOptions): CheckedOptions {
  const ackTransport = options.ackTransport ?? 'nats';
  if (ackTransport !== 'nats' && ackTransport !== 'stream') {
    throw invalidArgument('ackTransport', `must be nats or stream, not ${JSON.stringify(ackTransport)}`);
  }
  return {
    targets: parseTargets(options.target),
    clusterId: options.clusterId ?? '',
    deadlineMs: checkDeadlineMs(options.deadlineMs ?? 10_000),
    ackTransport,
    ackWaitUs: Math.round(checkRange('ackWaitMs', options.ackWaitMs ?? 20, 1, 60_000) * 1000),
    aliveEveryUs: Math.round(checkRange('aliveEveryMs', options.aliveEveryMs ?? 10_000, 1, 3_600_000) * 1000),
    writeSetLimit: checkWhole('writeSetLimit', options.writeSetLimit ?? 1024, 1, 1 << 20),
    batchDelayUs: checkRange('batchDelayUs', options.batchDelayUs ?? 0, 0, 1_000_000),
    boundReplica: options.boundReplica ?? null,
    timeLineEvery: checkWhole('timeLineEvery', options.timeLineEvery ?? 0, 0, 1 << 20),
    tracing: options.tracing === undefined ? null : checkTracing(options.tracing),
  };
}

/** The name of a write, as a caller kept it. */
export function checkCommandId({ session, seq }: CommandId): void {
  checkWhole('id.session', session, 1, NUMBER_LIMIT);
  checkWhole('id.seq', seq, 1, NUMBER_LIMIT);
}

/** A deadline in milliseconds from now, more than 0 and at most a day. */
export function checkDeadlineMs(deadlineMs: number): number {
  return checkRange('deadlineMs', deadlineMs, Number.MIN_VALUE, DEADLINE_MS_LIMIT);
}

function checkTracing(tracing: ClientTracing): ClientTracing {
  if (typeof tracing.tracer?.startSpan !== 'function') {
    throw invalidArgument('tracing.tracer', 'must be a tracer of OpenTelemetry');
  }
  return { tracer: tracing.tracer, ratio: checkRange('tracing.ratio', tracing.ratio, 0, 1) };
}

function parseTargets(target: string): string[] {
  if (typeof target !== 'string') throw invalidArgument('target', 'must be host:port, or several separated by commas');
  const targets = target.split(',').map((part) => part.trim());
  for (const address of targets) {
    const port = Number(/^[^\s:]+:(\d{1,5})$|^\[[0-9a-fA-F:.]+\]:(\d{1,5})$/.exec(address)?.slice(1).find(Boolean));
    if (!(port > 0 && port < 65536)) throw invalidArgument('target', `${JSON.stringify(address)} is not host:port`);
  }
  return targets;
}

function checkRange(field: string, value: number, least: number, most: number): number {
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    const from = least === Number.MIN_VALUE ? 'more than 0' : `at least ${least}`;
    throw invalidArgument(field, `must be ${from} and at most ${most}, not ${value}`);
  }
  return value;
}

function checkWhole(field: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value)) throw invalidArgument(field, `must be a whole number, not ${value}`);
  return checkRange(field, value, least, most);
}
