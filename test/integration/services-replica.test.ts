// Three replica services in this process, led by hand, spoken to over real gRPC and a real NATS server.

import assert from 'node:assert/strict';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { decodeAckBatch, decodeSessionResponse, encodeSessionRequest, streamMethods } from '../../proto/codec.js';
import { type FenceResponse, type LeadResponse, ReplicaClient } from '../../proto/gen/curpho/v1/replica.js';
import {
  type AckBatch,
  type ClusterConfig,
  EpochStatus,
  type SessionRequest,
  type SessionResponse,
  type Write,
} from '../../protocol/messages.js';
import { NodeCalls } from '../../services/coordinator/node-calls.js';
import { readConfig } from '../../services/host/config.js';
import { openReplica, type ReplicaService } from '../../services/replica/service.js';
import { replicaSettings } from '../../services/replica/settings.js';
import { checkHealth, eventually, NatsServer, RawStream } from './services-fixture.js';

const CLUSTER = 'test-cluster';
const CLIENT = 7;

function write(session: number, seq: number, options: { strong: boolean; bound?: number }): Write {
  const mutations = [{ key: Buffer.from(`k${seq}`), value: Buffer.from('v'), deletes: false }];
  const command = { session, seq, strong: options.strong, mutations, condition: undefined, ackedThrough: 0 };
  return { command, committedThrough: 0, bound: options.bound ?? 0, dependencies: [] };
}

function frame(content: Partial<SessionRequest>): Buffer {
  return encodeSessionRequest({
    ...{ clusterId: CLUSTER, epoch: 1, clientId: CLIENT, ping: 0, upkeep: undefined },
    ...{ writes: [], strongReads: [], confirmedReads: [], weakReads: [], ackQueries: [] },
    trace: undefined,
    ...content,
  });
}

describe('replica service', () => {
  let replicas: ReplicaService[] = [];
  const open: { close(): void }[] = [];

  const openReplicas = async (environment: Record<string, string> = {}): Promise<void> => {
    for (const id of ['r0', 'r1', 'r2']) {
      const stated = { CURPHO_CLUSTER_ID: CLUSTER, CURPHO_NODE_ID: id, CURPHO_LOG_LEVEL: 'silent', ...environment };
      const onBroken = (error: unknown): void => {
        throw error;
      };
      replicas.push(await openReplica(readConfig(replicaSettings, [], stated), { onBroken }));
    }
  };

  const configOf = (status: number, openSlot: number): ClusterConfig => ({
    ...{ clusterId: CLUSTER, epoch: 1, status, leader: 0, fastQuorum: 1, openSlot, natsUrl: '', version: 1 },
    replicas: replicas.map(({ nodeId, address, incarnation }, index) => ({ id: nodeId, index, address, incarnation })),
    witnesses: [{ id: 'w0', index: 0, address: '127.0.0.1:1', incarnation: 1 }],
  });

  const clientOf = (index: number): ReplicaClient => {
    const client = new ReplicaClient((replicas[index] as ReplicaService).address, credentials.createInsecure());
    open.push(client);
    return client;
  };

  const fence = (index: number, clusterId = CLUSTER): Promise<FenceResponse> =>
    new Promise((resolve, reject) => {
      const { incarnation } = replicas[index] as ReplicaService;
      const request = { clusterId, epoch: 1, incarnation, wantsLastWrites: false };
      clientOf(index).fence(request, (error, response) => (error === null ? resolve(response) : reject(error)));
    });

  const lead = (): Promise<LeadResponse> =>
    new Promise((resolve, reject) => {
      const request = { config: configOf(EpochStatus.recovering, 0), replay: [] };
      clientOf(0).lead(request, (error, response) => (error === null ? resolve(response) : reject(error)));
    });

  /** What the coordinator does: publish the new epoch, fence all, let the first lead, publish the open epoch. */
  const openEpoch = async (): Promise<void> => {
    for (const replica of replicas) replica.onConfig(configOf(EpochStatus.recovering, 0));
    for (const index of replicas.keys()) assert.equal((await fence(index)).epoch, 1);
    const { openSlot } = await lead();
    assert.equal(openSlot, 1);
    for (const replica of replicas) replica.onConfig(configOf(EpochStatus.open, openSlot));
  };

  const dial = (index: number, client = CLIENT): RawStream => {
    const keys = { 'curpho-client': String(client), 'curpho-connection': '1' };
    const stream = new RawStream((replicas[index] as ReplicaService).address, streamMethods.session.path, keys);
    open.push(stream);
    return stream;
  };

  /** All frames so far, decoded. */
  const answers = (stream: RawStream): SessionResponse[] => stream.frames.map(decodeSessionResponse);

  afterEach(async () => {
    for (const closable of open.splice(0)) closable.close();
    await Promise.all(replicas.map((replica) => replica.close()));
    replicas = [];
  });

  it('D6: leads with a replay of more bytes than a stream may queue', async () => {
    await openReplicas();
    for (const replica of replicas) replica.onConfig(configOf(EpochStatus.recovering, 0));
    for (const index of replicas.keys()) assert.equal((await fence(index)).epoch, 1);
    const value = Buffer.alloc(1_000_000, 'v');
    const replay = Array.from({ length: 90 }, (_, at): Write => {
      const one = write(at + 1, 1, { strong: false });
      const mutations = [{ key: Buffer.from('k'), value, deletes: false }];
      return { ...one, command: one.command && { ...one.command, mutations } };
    });
    const calls = new NodeCalls();
    open.push(calls);
    const request = { config: configOf(EpochStatus.recovering, 0), replay };
    const { openSlot, committed } = await calls.lead((replicas[0] as ReplicaService).address, request);
    assert.deepEqual([openSlot, committed.length], [91, 90]);
  });

  it('orders, replicates and commits a strong write, and says so to its client', async () => {
    await openReplicas();
    await openEpoch();
    const stream = dial(0);
    stream.call.write(frame({ writes: [write(5, 1, { strong: true })] }));
    const first = decodeSessionResponse(await stream.frame(1));
    assert.deepEqual(
      first.writeReplies.map(({ session, seq, slot, ok }) => ({ session, seq, slot, ok })),
      [{ session: 5, seq: 1, slot: 2, ok: true }],
    );
    await eventually('the commit on all replicas', () => replicas.every((replica) => replica.stats().commitSlot === 2));
    await eventually('the notice', () => answers(stream).some(({ commitNotices }) => commitNotices[0]?.through === 1));
  });

  it('answers a ping at once, also before it has an epoch, and in no other way', async () => {
    await openReplicas();
    const stream = dial(1);
    stream.call.write(frame({ epoch: 99, ping: 42 }));
    const answer = decodeSessionResponse(await stream.frame(1));
    assert.equal(answer.pong, 42);
    assert.deepEqual(answer.refusals, []);
    assert.equal((replicas[1] as ReplicaService).stats().refused, 0);
  });

  it('passes on what comes with a ping', async () => {
    await openReplicas();
    await openEpoch();
    const stream = dial(0);
    stream.call.write(frame({ ping: 1, writes: [write(5, 1, { strong: true })] }));
    await eventually('both answers', () => answers(stream).some(({ writeReplies }) => writeReplies.length === 1));
    assert.equal(answers(stream)[0]?.pong, 1);
  });

  it('acknowledges weak writes over the stream where there is no NATS, one frame a turn', async () => {
    await openReplicas({ CURPHO_ACK_TRANSPORT: 'stream' });
    await openEpoch();
    // Before that a weak read waits, and its answer comes in a later turn than the acknowledgement.
    await eventually('the epoch’s entry to be applied', () => (replicas[1]?.stats().commitSlot ?? 0) >= 1);
    const stream = dial(1);
    const weakReads = [
      {
        nonce: 1,
        session: 5,
        key: Buffer.from('x'),
        range: undefined,
        tokenEpoch: 0,
        tokenSlot: 0,
        cleared: 0,
      },
    ];
    stream.call.write(frame({ writes: [write(5, 1, { strong: false, bound: 1 })], weakReads }));
    const answer = decodeSessionResponse(await stream.frame(1));
    assert.deepEqual(answer.weakAcks, [{ session: 5, seq: 1 }]);
    assert.equal(answer.weakReadReplies.length, 1);
    assert.equal(answer.replica, 1);
  });

  it('is healthy once its epoch is open', async () => {
    await openReplicas();
    const { address } = replicas[0] as ReplicaService;
    assert.equal(await checkHealth(address), 'NOT_SERVING');
    await openEpoch();
    await eventually('the end of the turn', () => (replicas[0]?.stats().linksUp ?? 0) === 2);
    assert.equal(await checkHealth(address, 'curpho.v1.Replica'), 'SERVING');
  });

  it('ends only the stream of a frame that breaks the rules', async () => {
    await openReplicas();
    await openEpoch();
    const [good, malformed, stranger] = [dial(0), dial(0, 8), dial(0, 9)];
    malformed.call.write(Buffer.from([0x0a]));
    stranger.call.write(frame({ clusterId: 'other', clientId: 9 }));
    assert.equal((await malformed.ended()).code, status.INVALID_ARGUMENT);
    assert.equal((await stranger.ended()).code, status.FAILED_PRECONDITION);
    good.call.write(frame({ writes: [write(5, 1, { strong: true })] }));
    assert.equal(decodeSessionResponse(await good.frame(1)).writeReplies.length, 1);
    await assert.rejects(fence(0, 'other'), (error: ServiceError) => error.code === status.FAILED_PRECONDITION);
  });

  it('stops reading while the descriptor limit is reached, and commits everything all the same', async () => {
    await openReplicas({ CURPHO_DESCRIPTOR_LIMIT: '4' });
    await openEpoch();
    const stream = dial(0);
    for (let seq = 1; seq <= 500; seq++) stream.call.write(frame({ writes: [write(5, seq, { strong: true })] }));
    await eventually('all commits', () => replicas[0]?.stats().commitSlot === 501);
    const replies = answers(stream).flatMap(({ writeReplies }) => writeReplies);
    assert.equal(new Set(replies.map(({ seq }) => seq)).size, 500);
  });

  it('holds a Lead that cannot be completed until its deadline', async () => {
    await openReplicas();
    await Promise.all(replicas.splice(1).map((replica) => replica.close()));
    const away = { address: '127.0.0.1:1', incarnation: 1 };
    const alone = configOf(EpochStatus.recovering, 0);
    const config = {
      ...alone,
      replicas: [...alone.replicas, { id: 'r1', index: 1, ...away }, { id: 'r2', index: 2, ...away }],
    };
    assert.equal((await fence(0)).epoch, 1);
    const failure = await new Promise<ServiceError | null>((resolve) => {
      const call = clientOf(0).lead({ config, replay: [] }, resolve);
      setTimeout(() => call.cancel(), 50);
    });
    assert.equal(failure?.code, status.CANCELLED);
  });

  describe('with NATS', () => {
    let nats: NatsServer;
    let observer: NatsConnection;
    let batches: AckBatch[] = [];

    beforeEach(async () => {
      nats = await NatsServer.start();
      observer = await connect({ servers: nats.url });
      batches = [];
      observer.subscribe(`curpho.${CLUSTER}.acks.${CLIENT}`, {
        callback: (_error, { data }) => {
          batches.push(decodeAckBatch(data));
        },
      });
      await observer.flush();
      await openReplicas({ CURPHO_NATS_URL: nats.url });
      await openEpoch();
    });

    afterEach(async () => {
      await observer.close();
      await nats.stop();
    });

    /** Sends weak writes one after the other until one was acknowledged by NATS. */
    const sendUntilNatsAcknowledges = async (stream: RawStream, firstSeq: number): Promise<void> => {
      let seq = firstSeq;
      const seen = batches.length;
      await eventually('an acknowledgement over NATS', () => {
        stream.call.write(frame({ writes: [write(5, seq++, { strong: false, bound: 0 })] }));
        return batches.slice(seen).some(({ weakAcks }) => weakAcks.length > 0);
      });
    };

    it('acknowledges weak writes and announces commits over NATS', async () => {
      const stream = dial(0);
      await sendUntilNatsAcknowledges(stream, 1);
      await eventually('a commit notice', () => batches.some(({ commitNotices }) => commitNotices.length > 0));
      assert.equal(batches[0]?.clusterId, CLUSTER);
      assert.ok((replicas[0]?.stats().acksOverNats ?? 0) > 0);
    });

    it('goes over to the stream when NATS is gone', async () => {
      const stream = dial(0);
      await sendUntilNatsAcknowledges(stream, 1);
      const before = stream.frames.length;
      await nats.stop();
      nats = await NatsServer.start();
      let seq = 10_000;
      await eventually('an acknowledgement over the stream', () => {
        stream.call.write(frame({ writes: [write(6, seq++ - 9_999, { strong: false, bound: 0 })] }));
        return answers(stream)
          .slice(before)
          .some(({ weakAcks }) => weakAcks.some(({ session }) => session === 6));
      });
      assert.ok((replicas[0]?.stats().acksOverStream ?? 0) > 0);
    });
  });
});
