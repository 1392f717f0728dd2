// What nodes and clients may ask a coordinator, and what it refuses: names that are taken, strangers, ids beyond the limit.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import { Actor, Bucket, last, of, settings } from './coordinator-actor.js';

function ready(overrides = {}, bucket = new Bucket()): Actor {
  const actor = new Actor(bucket, overrides);
  actor.run({ kind: 'tick' });
  return actor;
}

describe('node registration', () => {
  it('takes the same life again', () => {
    const c0 = ready();
    const first = last(c0.register(NodeRole.replica, 'r0'), 'registered');
    assert.deepEqual(first.response, { clusterId: 'cluster-a', heartbeatUs: settings.heartbeatUs, sessionFloor: 1 });
    assert.deepEqual(last(c0.register(NodeRole.replica, 'r0'), 'registered').response, first.response);
  });

  it('refuses the name of a live node to another life, naming both', () => {
    const c0 = ready();
    c0.register(NodeRole.replica, 'r0', { address: '10.0.0.1:7001' });
    const refused = last(
      c0.register(NodeRole.replica, 'r0', { incarnation: 5, address: '10.0.0.2:7001' }),
      'callRefused',
    );
    assert.equal(refused.refusal, 'duplicateNode');
    assert.match(refused.detail, /r0 .*10\.0\.0\.1:7001/);
    assert.ok(last(c0.register(NodeRole.witness, 'r0', { incarnation: 5 }), 'registered'));
  });

  it('gives the name of a node that is not heard any more to its next life', () => {
    const c0 = ready();
    c0.register(NodeRole.replica, 'r0');
    c0.nowUs += settings.livenessUs;
    assert.ok(last(c0.register(NodeRole.replica, 'r0', { incarnation: 5 }), 'callRefused'));
    c0.nowUs += 1;
    assert.ok(last(c0.register(NodeRole.replica, 'r0', { incarnation: 5 }), 'registered'));
    assert.equal(last(c0.heartbeat(NodeRole.replica, 'r0'), 'callRefused').refusal, 'unknownNode');
  });

  it('after a restart keeps members’ names for their lives', () => {
    const bucket = new Bucket();
    new Actor(bucket).gather();
    const c1 = ready({}, bucket);
    assert.equal(last(c1.register(NodeRole.replica, 'r1', { incarnation: 5 }), 'callRefused').refusal, 'duplicateNode');
    assert.equal(last(c1.heartbeat(NodeRole.replica, 'r1'), 'heartbeatNoted').response.epoch, 1);
  });

  it('refuses strangers and malformed nodes', () => {
    const c0 = ready();
    const refusalOf = (id: string, options: object): string =>
      last(c0.register(NodeRole.replica, id, options), 'callRefused').refusal;
    assert.equal(refusalOf('r0', { clusterId: 'cluster-z' }), 'clusterMismatch');
    assert.equal(refusalOf('r 0', { incarnation: 1 }), 'invalid');
    assert.equal(refusalOf('r0', { address: 'nowhere' }), 'invalid');
    assert.equal(refusalOf('r0', { incarnation: 0 }), 'invalid');
    assert.equal(last(c0.register(0, 'r0'), 'callRefused').refusal, 'invalid');
    assert.equal(last(c0.heartbeat(NodeRole.replica, 'r0'), 'callRefused').refusal, 'unknownNode');
    assert.equal(last(c0.run({ kind: 'watch', call: 1, clusterId: 'z' }), 'callRefused').refusal, 'clusterMismatch');
    assert.equal(
      last(c0.run({ kind: 'getConfig', call: 1, clusterId: 'another' }), 'callRefused').refusal,
      'clusterMismatch',
    );
  });
});

describe('session ids (F8)', () => {
  it('are reserved durably before they are handed out', () => {
    const bucket = new Bucket();
    const c0 = ready({}, bucket);
    const wanted = c0.step({ kind: 'openSessions', call: 1, request: { clusterId: 'cluster-a', count: 4 } });
    assert.equal(of(wanted, 'sessionsOpened').length, 0);
    const write = last(wanted, 'writeRecord');
    assert.equal(write.record.sessionFloor, 10_001);
    const written = c0.run({
      kind: 'recordWritten',
      revision: bucket.compareAndSet(write.expectedRevision, write.record) ?? 0,
    });
    assert.deepEqual(last(written, 'sessionsOpened').response, { firstSession: 1, count: 4 });
    assert.deepEqual(
      c0.openSessions(2).map(({ kind }) => kind),
      ['sessionsOpened'],
    );
  });

  it('of a write whose fate is unknown are never handed out', () => {
    const bucket = new Bucket();
    const c0 = ready({}, bucket);
    const write = last(
      c0.step({ kind: 'openSessions', call: 1, request: { clusterId: 'cluster-a', count: 4 } }),
      'writeRecord',
    );
    bucket.compareAndSet(write.expectedRevision, write.record);
    const opened = last(c0.run({ kind: 'recordConflict' }), 'sessionsOpened');
    assert.equal(opened.response.firstSession, 10_001);
  });

  it('never overlap, whatever coordinators ask, compete and restart', () => {
    const steps = fc.array(
      fc.record({
        who: fc.nat(2),
        count: fc.integer({ min: 1, max: 10_000 }),
        restart: fc.boolean(),
        unknown: fc.boolean(),
      }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(steps, (script) => {
        const bucket = new Bucket();
        const actors = [ready({}, bucket), ready({}, bucket), ready({}, bucket)];
        const taken: [number, number][] = [];
        for (const { who, count, restart, unknown } of script) {
          if (restart) actors[who] = ready({}, bucket);
          const actor = actors[who] as Actor;
          let wanted = actor.step({ kind: 'openSessions', call: 1, request: { clusterId: 'cluster-a', count } });
          for (let next = 0, lost = unknown; next < wanted.length; next++) {
            const output = wanted[next] as (typeof wanted)[number];
            const answer = actor.accessBucket(output);
            const isLost = lost && answer?.kind === 'recordWritten';
            if (isLost) lost = false;
            if (answer !== null) wanted = [...wanted, ...actor.step(isLost ? { kind: 'recordConflict' } : answer)];
          }
          const { firstSession, count: got } = last(wanted, 'sessionsOpened').response;
          assert.equal(got, count);
          taken.push([firstSession, firstSession + got]);
        }
        taken.sort(([a], [b]) => a - b);
        taken.forEach(([from], index) => {
          assert.ok(index === 0 || from >= (taken[index - 1]?.[1] ?? 0), `ranges overlap at ${from}`);
        });
      }),
    );
  });

  it('end at the limit with a refusal that names it', () => {
    const c0 = ready({ sessionLimit: 10 });
    assert.equal(last(c0.openSessions(8), 'sessionsOpened').response.firstSession, 1);
    const refused = last(c0.openSessions(3), 'callRefused');
    assert.equal(refused.refusal, 'sessionLimit');
    assert.match(refused.detail, /session limit of 10/);
    assert.equal(last(c0.openSessions(2), 'sessionsOpened').response.firstSession, 9);
  });

  it('are handed out up to the limit when news of the reservation comes before its answer', () => {
    const bucket = new Bucket();
    const c0 = ready({ sessionLimit: 5 }, bucket);
    const wanted = c0.step({ kind: 'openSessions', call: 1, request: { clusterId: 'cluster-a', count: 5 } });
    const { expectedRevision, record } = last(wanted, 'writeRecord');
    const revision = bucket.compareAndSet(expectedRevision, record) ?? 0;
    assert.deepEqual(c0.run({ kind: 'recordRead', stored: bucket.stored }), []);
    assert.equal(last(c0.run({ kind: 'recordWritten', revision }), 'sessionsOpened').response.firstSession, 1);
  });

  it('are refused to strangers and in impossible numbers', () => {
    const c0 = ready();
    assert.equal(last(c0.openSessions(1, 'cluster-z'), 'callRefused').refusal, 'clusterMismatch');
    for (const count of [0, -1, 1.5, 10_001])
      assert.equal(last(c0.openSessions(count), 'callRefused').refusal, 'invalid');
  });

  it('are refused when too many calls wait', () => {
    const c0 = ready();
    const ask = (call: number) =>
      c0.step({ kind: 'openSessions', call, request: { clusterId: 'cluster-a', count: 1 } });
    for (let call = 1; call <= 1024; call++) ask(call);
    assert.equal(last(ask(1025), 'callRefused').refusal, 'full');
  });
});
