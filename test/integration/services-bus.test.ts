// The acknowledgement bus against a real NATS server that comes late, dies, sleeps and comes back.

import assert from 'node:assert/strict';
import { connect } from '@nats-io/transport-node';
import { AckBus } from '../../services/host/bus.js';
import { eventually, NatsServer, silentLog } from './services-fixture.js';

function openBus(url: string): AckBus {
  return new AckBus({ url, clusterId: 'c', name: 'test', log: silentLog });
}

describe('acknowledgement bus', () => {
  let nats: NatsServer;
  let bus: AckBus;

  beforeEach(async () => {
    nats = await NatsServer.start();
  });

  afterEach(async () => {
    await bus.close();
    await nats.stop();
  });

  it('publishes on the subject of the client', async () => {
    const observer = await connect({ servers: nats.url });
    const heard: string[] = [];
    observer.subscribe('curpho.c.acks.*', {
      callback: (_error, { subject, data }) => {
        heard.push(`${subject} ${data.length}`);
      },
    });
    await observer.flush();
    bus = openBus(nats.url);
    await eventually('the bus', () => bus.isUp);
    assert.ok(bus.publish(7, Buffer.alloc(3)));
    assert.ok(bus.publish(8, Buffer.alloc(4)));
    await eventually('both messages', () => heard.length === 2);
    assert.deepEqual(heard, ['curpho.c.acks.7 3', 'curpho.c.acks.8 4']);
    await observer.close();
  });

  it('is down, and takes nothing, until NATS is there', async () => {
    const { port } = nats;
    await nats.stop();
    bus = openBus(`nats://127.0.0.1:${port}`);
    assert.ok(!bus.isUp);
    assert.ok(!bus.publish(7, Buffer.alloc(3)));
    nats = await NatsServer.start(port);
    await eventually('the bus', () => bus.isUp);
    assert.equal(bus.stats.published, 0);
  });

  it('notices that NATS died and that it is back', async () => {
    bus = openBus(nats.url);
    await eventually('the bus', () => bus.isUp);
    const { port } = nats;
    await nats.stop();
    await eventually('the loss', () => !bus.isUp);
    assert.ok(!bus.publish(7, Buffer.alloc(3)));
    nats = await NatsServer.start(port);
    await eventually('the bus again', () => bus.isUp);
    assert.equal(bus.stats.losses, 1);
  });

  it('notices within a second that NATS sleeps, buffers little, and goes on when it wakes', async () => {
    bus = openBus(nats.url);
    await eventually('the bus', () => bus.isUp);
    nats.signal('SIGSTOP');
    try {
      const megabyte = Buffer.alloc(1 << 20);
      let taken = 0;
      while (taken < 100 && bus.publish(7, megabyte)) taken++;
      assert.ok(taken <= 16, `${taken} MiB were taken`);
      await eventually('the stall', () => !bus.isUp, 1000);
    } finally {
      nats.signal('SIGCONT');
    }
    await eventually('the bus again', () => bus.isUp);
    assert.ok(bus.publish(7, Buffer.alloc(3)));
  });
});
