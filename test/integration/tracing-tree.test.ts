// One operation across all services: what a collector receives when every operation of a client is traced, for each kind
// of operation and path. Real processes, real OTLP/gRPC.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Client, connect, type Session } from '../../client/index.js';
import { type LocalCluster, startLocalCluster } from '../../deploy/local-cluster.js';
import { openTraceCollector, type TraceCollector } from '../../tracing/collector.js';
import { openTracing, type Tracing } from '../../tracing/setup.js';
import { judgeFastPath } from '../checkers/fast-path.js';
import { readTraceFile } from '../checkers/read-traces.js';
import { describeTree, type ExportedSpan, readSpans } from '../support/span-tree.js';

const weak = { consistency: 'weak' } as const;
const PATIENCE = 200;

const COMMIT = [
  '    replica: replicate and commit',
  '      replica: follower.append ×2',
  '        replica: node.queue',
  '        replica: node.send',
  '        replica: node.step',
  '      replica: transit ×2',
];
const CLIENT = ['  client: client.queue', '  client: client.send'];
const WITNESSES = (name: string) => [
  '  witness: transit ×3',
  `  witness: ${name} ×3`,
  '    witness: node.queue',
  '    witness: node.send',
  '    witness: node.step',
];
const LEADER = (name: string, between: string[] = []) => [
  `  replica: ${name}`,
  '    replica: node.queue',
  '    replica: node.send',
  '    replica: node.step',
  ...between,
];

describe('tracing: one trace per operation', function () {
  this.timeout(60_000);
  const spans: ExportedSpan[] = [];
  const began = new Map<string, number>();
  let collector: TraceCollector;
  let cluster: LocalCluster;
  let tracing: Tracing;
  let client: Client;
  let session: Session;
  let other: Session;
  let leader = '';
  let directory = '';

  /** The trace of the operation with this key in its attributes. */
  const traceOf = (session: Session, where: (root: ExportedSpan) => boolean): ExportedSpan[] => {
    const roots = spans.filter((span) => span.kind === 'CLIENT' && where(span));
    const [root] = roots.filter(({ attributes }) => attributes['curpho.session.id'] === session.id);
    assert.ok(root !== undefined, `no trace among ${roots.length} roots`);
    return spans.filter(({ traceId }) => traceId === root.traceId);
  };

  const named = (trace: readonly ExportedSpan[], name: string): ExportedSpan => {
    const span = trace.find((candidate) => candidate.name === name);
    assert.ok(span !== undefined, `no ${name} among ${trace.map((candidate) => candidate.name).join(', ')}`);
    return span;
  };

  before(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-traces-'));
    collector = await openTraceCollector({
      listen: '127.0.0.1:0',
      file: path.join(directory, 'traces.jsonl'),
      onSpans: (exported) => void spans.push(...readSpans(exported)),
    });
    const url = `http://${collector.address}`;
    cluster = await startLocalCluster({ serviceSettings: { otlpUrl: url } });
    leader = cluster.services.find((service) => service.leader)?.name ?? '';
    const bound = cluster.services.find(({ role, leader }) => role === 'replica' && !leader)?.name ?? '';
    tracing = await openTracing({ url, serviceName: 'curpho-client', attributes: {} });
    client = await connect({
      target: cluster.target,
      boundReplica: bound,
      tracing: { tracer: tracing.tracer, ratio: 1 },
    });
    session = await client.session();
    other = await client.session();
    await operate();
    await client.close();
    await tracing.close();
    // A service sends what it still has before it ends.
    await cluster.stop();
    await collector.close();
  });

  after(async () => {
    await client?.close();
    await tracing?.close();
    await cluster?.stop();
    await collector?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** One operation of each kind, each until it took the path that is wanted of it. */
  const operate = async (): Promise<void> => {
    await until(async () => {
      const put = await session.put('fast', 'a');
      began.set('fast write', put.id.seq);
      await session.exportToken();
      return put.path === 'fast';
    });
    await until(async () => {
      const before = session.put('contended', 'mine', weak);
      const put = await other.put('contended', 'theirs');
      await before.committed;
      began.set('slow write', put.id.seq);
      return put.path === 'slow' && put.slowReason !== 'overtaken';
    });
    const put = session.put('weakly', 'b', weak);
    await put.committed;
    began.set('weak write', put.id.seq);
    await until(async () => (await session.get('fast')).path === 'fast');
    await other.get('fast', weak);
    await other.scan({ limit: 3 });
  };

  it('strong write on the fast path', () => {
    const seq = began.get('fast write');
    const trace = traceOf(session, ({ attributes }) => attributes['curpho.command.seq'] === seq);
    assert.deepEqual(describeTree(trace), [
      'client: put strong',
      ...CLIENT,
      '  client: transit ×4',
      ...LEADER('leader.propose', COMMIT),
      '  replica: transit',
      ...WITNESSES('witness.record'),
    ]);
    const [root] = trace.filter(({ parentId }) => parentId === '');
    assert.equal(root?.attributes['curpho.path'], 'fast');
    assert.deepEqual(
      [named(trace, 'leader.propose').instance, named(trace, 'leader.propose').attributes['curpho.leader.ok']],
      [leader, true],
    );
    const commit = named(trace, 'replicate and commit');
    assert.equal(commit.attributes['curpho.background'], true);
    assert.deepEqual(commit.links, [{ traceId: root?.traceId, spanId: root?.spanId }]);
    const records = trace.filter(({ name }) => name === 'witness.record');
    assert.deepEqual(
      records.map(({ instance, attributes }) => `${instance} ${attributes['curpho.witness.status']}`).sort(),
      ['w0 accepted', 'w1 accepted', 'w2 accepted'],
    );
  });

  it('strong write on the slow path waits for its commit', () => {
    const seq = began.get('slow write');
    const trace = traceOf(other, ({ attributes }) => attributes['curpho.command.seq'] === seq);
    const tree = describeTree(trace).filter((line) => !line.includes('client: transit'));
    assert.deepEqual(tree, [
      'client: put strong',
      ...CLIENT,
      ...LEADER('leader.propose', ['    replica: node.wait', ...COMMIT]),
      '  replica: transit',
      ...WITNESSES('witness.record'),
    ]);
    const propose = named(trace, 'leader.propose');
    const commit = named(trace, 'replicate and commit');
    assert.deepEqual([propose.attributes['curpho.leader.ok'], commit.attributes['curpho.background']], [false, false]);
    assert.ok(commit.endUs <= propose.endUs, 'the answer comes after the commit');
    const [root] = trace.filter(({ parentId }) => parentId === '');
    assert.match(String(root?.attributes['curpho.slow_reason']), /Conflict$/);
  });

  it('weak write is acknowledged over NATS and commits in the background', () => {
    const seq = began.get('weak write');
    const trace = traceOf(session, ({ attributes }) => attributes['curpho.command.seq'] === seq);
    const [root] = trace.filter(({ parentId }) => parentId === '');
    assert.deepEqual([root?.name, root?.attributes['curpho.path']], ['put weak', 'weak']);
    const publish = named(trace, 'ack.publish');
    assert.deepEqual([publish.kind, publish.attributes['messaging.system']], ['PRODUCER', 'nats']);
    const held = trace.filter(({ name }) => name === 'replica.hold');
    assert.equal(held.length, 3, 'every replica holds it');
    const bound = held.find(({ spanId }) => spanId === publish.parentId);
    assert.notEqual(bound?.instance, leader);
    const delivered = trace.filter(({ name }) => name === 'ack.deliver');
    assert.deepEqual(delivered.map(({ kind, attributes }) => `${kind} ${attributes['curpho.ack.level']}`).sort(), [
      'CONSUMER committed',
      'CONSUMER local',
    ]);
    const commit = named(trace, 'replicate and commit');
    assert.deepEqual(
      delivered.map(({ parentId }) => parentId).sort(),
      [publish.spanId, commit.spanId].sort(),
      'the acknowledgement hangs under its publishing, the notice under the commit',
    );
    assert.deepEqual(commit.links, [{ traceId: root?.traceId, spanId: root?.spanId }]);
    assert.equal(trace.filter(({ name }) => name === 'follower.append').length, 2);
    assert.equal(trace.filter(({ name }) => name === 'witness.record').length, 3);
  });

  it('strong read asks the leader and every witness', () => {
    const trace = traceOf(
      session,
      ({ name, attributes }) => name === 'get strong' && attributes['curpho.path'] === 'fast',
    );
    assert.deepEqual(describeTree(trace), [
      'client: get strong',
      ...CLIENT,
      '  client: transit ×4',
      ...LEADER('leader.read'),
      '  replica: transit',
      ...WITNESSES('witness.check'),
    ]);
  });

  it('weak read asks the bound replica alone', () => {
    const trace = traceOf(other, ({ name }) => name === 'get weak');
    assert.deepEqual(describeTree(trace), [
      'client: get weak',
      ...CLIENT,
      '  client: transit',
      ...LEADER('replica.read'),
      '  replica: transit',
    ]);
    assert.notEqual(named(trace, 'replica.read').instance, leader);
  });

  it('strong scan is confirmed by the leader', () => {
    const trace = traceOf(other, ({ name }) => name === 'scan strong');
    const confirm = named(trace, 'leader.confirm');
    assert.deepEqual([confirm.instance, confirm.kind], [leader, 'SERVER']);
    const [root] = trace.filter(({ parentId }) => parentId === '');
    assert.deepEqual([root?.attributes['curpho.path'], root?.attributes['curpho.slow_reason']], ['slow', 'scan']);
  });

  it('fast decisions can be judged from the file', () => {
    const verdicts = judgeFastPath(readTraceFile(path.join(directory, 'traces.jsonl')), 3);
    for (const { rule, verdict, decisions, violations } of verdicts) {
      assert.deepEqual([rule, verdict, violations], [rule, 'ok', []]);
      assert.ok(decisions > 0, `${rule} was held against nothing`);
    }
  });

  it('every span lies after its parent began, and is of this store', () => {
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    for (const span of spans) {
      assert.ok(span.endUs >= span.startUs, `${span.name} ends before it begins`);
      const parent = byId.get(span.parentId);
      if (parent !== undefined) assert.ok(span.startUs >= parent.startUs, `${span.name} begins before ${parent.name}`);
    }
    const services = new Set(spans.map((span) => span.service));
    assert.deepEqual([...services].sort(), ['curpho-client', 'curpho-replica', 'curpho-witness']);
  });
});

async function until(isRight: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < PATIENCE; attempt++) if (await isRight()) return;
  throw new Error(`not once in ${PATIENCE} attempts`);
}
