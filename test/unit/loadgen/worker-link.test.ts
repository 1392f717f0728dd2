// What a driver makes of a load process's clock and failures, and the flags of the process itself.

import assert from 'node:assert/strict';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { ClientError } from '../../../client/client-error.js';
import { describeSkew, measureClock, quickest } from '../../../loadgen/driver/worker-link.js';
import { sumProgress } from '../../../loadgen/driver/worker-pool.js';
import { UsageError } from '../../../loadgen/flag-values.js';
import { parseWorkerFlags, WORKER_HELP } from '../../../loadgen/worker/worker-program.js';
import { decodeFailure, encodeFailure, WorkerError } from '../../../loadgen/worker-error.js';

/** The exchange with a process whose clock is `offsetUs` ahead, over a line with these delays. */
function exchange(offsetUs: number, { thereUs, backUs }: { thereUs: number; backUs: number }) {
  const sentUs = 5_000_000;
  return measureClock({ sentUs, clockUs: sentUs + thereUs + offsetUs, arrivedUs: sentUs + thereUs + backUs });
}

describe("a load process's clock", () => {
  it('is measured in the middle of an exchange', () => {
    assert.deepEqual(exchange(-700, { thereUs: 300, backUs: 300 }), { offsetUs: -700, roundTripUs: 600 });
  });

  it('is off by at most half a round trip when the ways differ', () => {
    const { offsetUs, roundTripUs } = exchange(0, { thereUs: 80_000, backUs: 0 });
    assert.ok(Math.abs(offsetUs) <= roundTripUs / 2);
    assert.equal(describeSkew({ offsetUs, roundTripUs }), null);
  });

  it('is what the quickest of several exchanges tells', () => {
    const readings = [
      exchange(-700, { thereUs: 90_000, backUs: 100 }),
      exchange(-700, { thereUs: 120, backUs: 100 }),
      exchange(-700, { thereUs: 100, backUs: 40_000 }),
    ];
    assert.deepEqual(quickest(readings), { offsetUs: -690, roundTripUs: 220 });
  });

  it('may be off by 50 ms and half the round trip, not more', () => {
    assert.equal(describeSkew({ offsetUs: 51_000, roundTripUs: 2000 }), null);
    assert.match(
      describeSkew({ offsetUs: 51_001, roundTripUs: 2000 }) ?? '',
      /^its clock is 51.0 ms ahead of the driver's, more than 51.0 ms/,
    );
    assert.match(describeSkew({ offsetUs: -3_600_000_000, roundTripUs: 0 }) ?? '', /3600000.0 ms behind the driver's/);
  });
});

describe('a failure of a load process', () => {
  const failures: [Error, string, status][] = [
    [new ClientError('UNREACHABLE', 'nobody answers at h:1'), 'UNREACHABLE', status.UNAVAILABLE],
    [new ClientError('INVALID_ARGUMENT', 'target: is not'), 'INVALID_ARGUMENT', status.INVALID_ARGUMENT],
    [new ClientError('WRONG_CLUSTER', 'another'), 'WRONG_CLUSTER', status.FAILED_PRECONDITION],
    [new ClientError('DEADLINE_EXCEEDED', 'late'), 'DEADLINE_EXCEEDED', status.DEADLINE_EXCEEDED],
    [new UsageError('keys: 0 is not'), 'INVALID_ARGUMENT', status.INVALID_ARGUMENT],
    [new WorkerError('WORKER_BUSY', 'run a'), 'WORKER_BUSY', status.RESOURCE_EXHAUSTED],
    [new WorkerError('WRONG_RUN', 'run_id: b'), 'WRONG_RUN', status.FAILED_PRECONDITION],
    [new TypeError('a mistake'), 'TypeError', status.INTERNAL],
  ];
  for (const [error, code, expected] of failures) {
    it(`keeps its code on the wire: ${code}`, () => {
      const encoded = encodeFailure(error);
      assert.equal(encoded.code, expected);
      const decoded = decodeFailure(Object.assign(new Error(), encoded), 'load worker 1');
      assert.deepEqual([decoded?.code, decoded?.message], [code, `load worker 1: ${error.message}`]);
    });
  }

  it('is no failure of the process where the transport failed', () => {
    const broken: ServiceError = Object.assign(new Error(), {
      code: status.UNAVAILABLE,
      details: 'Connection dropped',
      metadata: new Metadata(),
    });
    assert.equal(decodeFailure(broken, 'load worker 1'), null);
  });
});

describe('progress of several load processes', () => {
  it('is added up', () => {
    const part = { operations: 10, inFlight: 2, waiting: 3, errors: 1 };
    assert.deepEqual(sumProgress([part, part]), { operations: 20, inFlight: 4, waiting: 6, errors: 2 });
  });
});

describe('flags of a load process', () => {
  it('default to loopback and a free port', () => {
    const defaults = { kind: 'serve', listen: '127.0.0.1:0', advertise: null, history: null };
    assert.deepEqual(parseWorkerFlags([]), defaults);
    assert.deepEqual(parseWorkerFlags(['--listen', '0.0.0.0:7500', '--advertise', 'host-a:7500']), {
      ...{ kind: 'serve', listen: '0.0.0.0:7500', advertise: 'host-a:7500', history: null },
    });
  });

  const bad: [string[], RegExp][] = [
    [['--listen', 'localhost'], /^--listen: "localhost" is not host:port/],
    [['--listen', '127.0.0.1:65536'], /^--listen: /],
    [['--listen', '0.0.0.0:1'], /^--advertise: has to say/],
    [['--advertise', 'x'], /^--advertise: "x"/],
    [['--history', ''], /^--history: /],
    [['--port', '1'], /--port/],
    [['extra'], /extra/],
  ];
  for (const [args, message] of bad) {
    it(`refuse ${JSON.stringify(args)}`, () =>
      assert.throws(
        () => parseWorkerFlags(args),
        (error) => error instanceof UsageError && message.test(error.message),
      ));
  }

  it('say in the help text that nobody is asked who he is', () => {
    assert.deepEqual(parseWorkerFlags(['--help']), { kind: 'help' });
    assert.match(WORKER_HELP, /There is no authentication yet/);
  });
});
