// The diagnostics of real services over real gRPC: who they are, that a reset begins anew, that frames are counted, and that
// every number of a service has a kind.

import assert from 'node:assert/strict';
import { credentials } from '@grpc/grpc-js';
import { encodeRecordRequest, encodeSessionRequest, streamMethods } from '../../proto/codec.js';
import {
  DiagnosticsClient,
  type DiagnosticsSnapshot,
  type ResetResponse,
  type SnapshotResponse,
} from '../../proto/gen/curpho/v1/diagnostics.js';
import { coordinatorKinds } from '../../services/coordinator/figures.js';
import { readConfig } from '../../services/host/config.js';
import { replicaKinds } from '../../services/replica/figures.js';
import { openReplica, type ReplicaService } from '../../services/replica/service.js';
import { replicaSettings } from '../../services/replica/settings.js';
import { witnessKinds } from '../../services/witness/figures.js';
import { openWitness, type WitnessService } from '../../services/witness/service.js';
import { witnessSettings } from '../../services/witness/settings.js';
import { openTestCoordinator } from './coordinator-stage.js';
import { eventually, NatsServer, RawStream } from './services-fixture.js';

const CLUSTER = 'test-cluster';

/** Calls as promises. */
class DiagnosticsCalls {
  private readonly client: DiagnosticsClient;

  constructor(address: string) {
    this.client = new DiagnosticsClient(address, credentials.createInsecure());
  }

  async reset(): Promise<number> {
    const response = await new Promise<ResetResponse>((resolve, reject) => {
      this.client.reset({}, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
    return response.resets;
  }

  async snapshot(): Promise<DiagnosticsSnapshot> {
    const response = await new Promise<SnapshotResponse>((resolve, reject) => {
      this.client.snapshot({}, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
    assert.ok(response.snapshot !== undefined);
    return response.snapshot;
  }

  close(): void {
    this.client.close();
  }
}

function environment(nodeId: string): Record<string, string> {
  return { CURPHO_CLUSTER_ID: CLUSTER, CURPHO_NODE_ID: nodeId, CURPHO_LOG_LEVEL: 'silent' };
}

/** Every number has a kind, and so has every number of a snapshot its place. */
function assertSorted(stats: Record<string, number>, kinds: Record<string, string>, snapshot: DiagnosticsSnapshot) {
  const named = Object.keys(stats).sort();
  assert.deepEqual(
    named.filter((name) => kinds[name] === undefined),
    [],
  );
  const { counters, gauges, peaks } = snapshot;
  assert.deepEqual([...Object.keys(counters), ...Object.keys(gauges), ...Object.keys(peaks)].sort(), named);
  assert.deepEqual(
    Object.keys(counters).sort(),
    named.filter((name) => kinds[name] === 'counter'),
  );
}

describe('diagnostics of services', () => {
  const closing: (() => unknown)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  const callsTo = (address: string): DiagnosticsCalls => {
    const calls = new DiagnosticsCalls(address);
    closing.push(() => calls.close());
    return calls;
  };

  const dial = async (address: string, path: string): Promise<RawStream> => {
    const stream = new RawStream(address, path, { 'curpho-client': '7', 'curpho-connection': '1' });
    closing.push(() => stream.close());
    await eventually('the stream', () => stream.isUp);
    return stream;
  };

  async function replica(): Promise<ReplicaService> {
    const service = await openReplica(readConfig(replicaSettings, [], environment('r0')));
    closing.push(() => service.close());
    return service;
  }

  async function witness(): Promise<WitnessService> {
    const service = await openWitness(readConfig(witnessSettings, [], environment('w0')));
    closing.push(() => service.close());
    return service;
  }

  it('replica: counts what came after the reset, operations and refusals by reason', async () => {
    const service = await replica();
    const calls = callsTo(service.address);
    const stream = await dial(service.address, streamMethods.session.path);
    const ping = { ...session(), ping: 1 };
    stream.call.write(encodeSessionRequest(ping));
    await stream.frame(1);
    assert.equal((await calls.snapshot()).counters.framesIn, 1, 'before a reset from the beginning');
    assert.equal(await calls.reset(), 1);
    stream.call.write(
      encodeSessionRequest({
        ...session(),
        ackQueries: [
          { session: 1, seq: 1 },
          { session: 1, seq: 2 },
        ],
      }),
    );
    stream.call.write(encodeSessionRequest({ ...session(), ping: 2 }));
    await eventually('the refusal and the answer to the ping', () => stream.frames.length >= 3);
    const snapshot = await calls.snapshot();
    const { role, nodeId, pid, epoch, resets, traffic, counters, gauges } = snapshot;
    assert.deepEqual([role, nodeId, pid, epoch, resets], ['replica', 'r0', process.pid, 0, 1]);
    assert.deepEqual([traffic?.framesIn, traffic?.operationFrames, traffic?.operations], [2, 1, 2]);
    assert.ok(Number(traffic?.framesOut) >= 2 && Number(traffic?.bytesIn) > 0 && Number(traffic?.bytesOut) > 0);
    assert.deepEqual([counters.framesIn, counters['refused.epoch'], counters['refused.full']], [2, 1, 0]);
    assert.ok(Number(gauges.descriptorLimit?.now) > 0);
    assertSorted(service.stats(), replicaKinds, snapshot);
  });

  it('witness: counts records and what became of them', async () => {
    const service = await witness();
    const calls = callsTo(service.address);
    await calls.reset();
    const stream = await dial(service.address, streamMethods.record.path);
    stream.call.write(
      encodeRecordRequest({ clusterId: CLUSTER, epoch: 9, clientId: 7, records: [], checks: [], trace: undefined }),
    );
    await stream.frame(1);
    const snapshot = await calls.snapshot();
    assert.deepEqual([snapshot.role, snapshot.nodeId, snapshot.resets], ['witness', 'w0', 1]);
    assert.deepEqual([snapshot.counters.refused, snapshot.counters['refused.epoch']], [1, 1]);
    assert.deepEqual([snapshot.traffic?.framesIn, snapshot.traffic?.operationFrames], [1, 0]);
    assertSorted(service.stats(), witnessKinds, snapshot);
  });

  it('coordinator: tells what goes over NATS', async () => {
    const nats = await NatsServer.start();
    closing.push(() => nats.stop());
    const { service, calls: coordinator } = await openTestCoordinator(nats.url);
    closing.push(() => service.close());
    closing.push(() => coordinator.client.close());
    const calls = callsTo(service.address);
    await eventually('the first look at the record', () => Number(service.stats().natsMessagesIn) > 0);
    const snapshot = await calls.snapshot();
    assert.deepEqual([snapshot.role, snapshot.resets], ['coordinator', 0]);
    assert.ok(Number(snapshot.counters.natsMessagesOut) > 0);
    assert.equal(await calls.reset(), 1);
    assert.equal(await calls.reset(), 2);
    assert.ok(Number(snapshot.counters.natsMessagesIn) > 0);
    assertSorted(service.stats(), coordinatorKinds, snapshot);
  });
});

function session() {
  return {
    clusterId: CLUSTER,
    epoch: 9,
    clientId: 7,
    writes: [],
    strongReads: [],
    confirmedReads: [],
    weakReads: [],
    ackQueries: [],
    ping: 0,
    trace: undefined,
    upkeep: undefined,
  };
}
