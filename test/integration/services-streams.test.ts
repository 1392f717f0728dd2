// The serving and the dialling side of byte streams, over real gRPC on loopback.

import assert from 'node:assert/strict';
import { type Server, status } from '@grpc/grpc-js';
import { FrameError, streamMethods } from '../../proto/codec.js';
import type { StreamLimits } from '../../services/host/frame-writer.js';
import { PeerStream } from '../../services/host/peer-stream.js';
import { bindServer, createServer } from '../../services/host/server.js';
import { ClientStreams, type FrameCall, PeerStreams } from '../../services/host/streams.js';
import { eventually, RawStream, silentLog } from './services-fixture.js';

const LIMITS: StreamLimits = { queueFrames: 4, queueBytes: 1 << 20 };
const { session: SESSION, replicate: REPLICATE } = streamMethods;

/** A server that notes its clients' frames, echoes its peers' frames, and takes `bad` for a broken frame. */
async function openEcho(listen = '127.0.0.1:0') {
  const heard: string[] = [];
  const gone: number[] = [];
  const server: Server = createServer();
  const check = (frame: Buffer): string => {
    if (frame.toString() === 'bad') throw new FrameError('Test.frame', 'good');
    return frame.toString();
  };
  const clients = new ClientStreams({
    limits: LIMITS,
    log: silentLog,
    onFrame: (client, frame) => heard.push(`${client}:${check(frame)}`),
    onGone: (client) => gone.push(client),
  });
  const peers: PeerStreams = new PeerStreams({
    limits: LIMITS,
    log: silentLog,
    onFrame: (frame) => peers.reply(Buffer.from(`echo ${check(frame)}`)),
  });
  server.addService(
    { session: SESSION, replicate: REPLICATE },
    { session: (call: FrameCall) => clients.accept(call), replicate: (call: FrameCall) => peers.accept(call) },
  );
  const address = await bindServer(server, listen);
  return { server, clients, peers, heard, gone, address };
}

type Echo = Awaited<ReturnType<typeof openEcho>>;

function dial(echo: Echo, client: string, connection: string): RawStream {
  return new RawStream(echo.address, SESSION.path, { 'curpho-client': client, 'curpho-connection': connection });
}

describe('byte streams', () => {
  let echo: Echo;
  const open: { close(): void }[] = [];
  const keep = <T extends { close(): void }>(closable: T): T => {
    open.push(closable);
    return closable;
  };

  beforeEach(async () => {
    echo = await openEcho();
  });

  afterEach(() => {
    for (const closable of open.splice(0)) closable.close();
    echo.server.forceShutdown();
  });

  it('tells the client that it is up before there is any frame', async () => {
    const stream = keep(dial(echo, '7', '1'));
    await eventually('headers', () => stream.isUp);
    assert.equal(echo.clients.size, 1);
    echo.clients.send(7, Buffer.from('hello'));
    assert.equal((await stream.frame(1)).toString(), 'hello');
  });

  it('E7: a newer connection of a client ends the older one, and the client is not gone', async () => {
    const older = keep(dial(echo, '7', '1'));
    await eventually('the older stream', () => older.isUp);
    const newer = keep(dial(echo, '7', '2'));
    assert.equal((await older.ended()).code, status.ABORTED);
    await eventually('the newer stream', () => newer.isUp);
    older.call.write(Buffer.from('too late'));
    newer.call.write(Buffer.from('in time'));
    await eventually('the frame', () => echo.heard.length > 0);
    assert.deepEqual(echo.heard, ['7:in time']);
    assert.deepEqual(echo.gone, []);
    newer.close();
    await eventually('the client to be gone', () => echo.gone.length > 0);
    assert.deepEqual(echo.gone, [7]);
  });

  it('E7: refuses a connection that is not newer, even after the newer one ended', async () => {
    const newer = keep(dial(echo, '7', '2'));
    await eventually('the newer stream', () => newer.isUp);
    const older = keep(dial(echo, '7', '1'));
    assert.equal((await older.ended()).code, status.ABORTED);
    newer.close();
    await eventually('the client to be gone', () => echo.gone.length > 0);
    const same = keep(dial(echo, '7', '2'));
    assert.equal((await same.ended()).code, status.ABORTED);
    assert.deepEqual(echo.heard, []);
  });

  for (const [client, connection] of [
    ['', '1'],
    ['x', '1'],
    ['7', '0'],
    ['7', '-1'],
    ['99999999999999999999', '1'],
  ] as const) {
    it(`refuses client "${client}", connection "${connection}"`, async () => {
      const stream = keep(dial(echo, client, connection));
      const end = await stream.ended();
      assert.equal(end.code, status.INVALID_ARGUMENT);
      assert.match(end.details, /curpho-client/);
    });
  }

  it('ends the stream that sent a broken frame and no other', async () => {
    const good = keep(dial(echo, '1', '1'));
    const bad = keep(dial(echo, '2', '1'));
    bad.call.write(Buffer.from('bad'));
    const end = await bad.ended();
    assert.equal(end.code, status.INVALID_ARGUMENT);
    assert.match(end.details, /Test\.frame must be good/);
    good.call.write(Buffer.from('still here'));
    await eventually('the good frame', () => echo.heard.length > 0);
    assert.deepEqual(echo.heard, ['1:still here']);
    assert.equal(echo.clients.stats.ended, 1);
  });

  it('does not read clients while it holds them, and loses nothing', async () => {
    const stream = keep(dial(echo, '1', '1'));
    await eventually('the stream', () => stream.isUp);
    echo.clients.setHolding(true);
    const probe = keep(dial(echo, '2', '1'));
    await eventually('the stream opened meanwhile', () => probe.isUp);
    for (let i = 0; i < 1000; i++) stream.call.write(Buffer.from(String(i)));
    // The peer's echo proves that what was sent before it has reached the server.
    const peer = keep(new RawStream(echo.address, REPLICATE.path));
    peer.call.write(Buffer.from('x'));
    await peer.frame(1);
    assert.ok(echo.heard.length < 32, `${echo.heard.length} frames were read`);
    echo.clients.setHolding(false);
    await eventually('all frames', () => echo.heard.length === 1000);
    assert.deepEqual(echo.heard.slice(0, 3), ['1:0', '1:1', '1:2']);
    assert.equal(echo.heard[999], '1:999');
  });

  it('gives up a client that does not read, without hurting others', async () => {
    const slow = keep(dial(echo, '1', '1'));
    const quick = keep(dial(echo, '2', '1'));
    await eventually('both streams', () => slow.isUp && quick.isUp);
    slow.call.pause();
    const frame = Buffer.alloc(1 << 16);
    for (let i = 0; i < 400 && echo.clients.size === 2; i++) {
      echo.clients.send(1, frame);
      await new Promise(setImmediate);
    }
    assert.equal(echo.clients.size, 1);
    assert.deepEqual(echo.gone, [1]);
    echo.clients.send(2, Buffer.from('hello'));
    assert.equal((await quick.frame(1)).toString(), 'hello');
    slow.call.resume();
    assert.equal((await slow.ended()).code, status.RESOURCE_EXHAUSTED);
  });

  it('answers the peer that spoke last, and a new one that has not spoken', async () => {
    const first = keep(new RawStream(echo.address, REPLICATE.path));
    const second = keep(new RawStream(echo.address, REPLICATE.path));
    await eventually('both', () => first.isUp && second.isUp);
    first.call.write(Buffer.from('a'));
    assert.equal((await first.frame(1)).toString(), 'echo a');
    second.call.write(Buffer.from('b'));
    assert.equal((await second.frame(1)).toString(), 'echo b');
    const third = keep(new RawStream(echo.address, REPLICATE.path));
    await eventually('the third', () => third.isUp);
    echo.peers.reply(Buffer.from('unasked'));
    assert.equal((await third.frame(1)).toString(), 'unasked');
  });

  it('dials a peer again and again until it is there, and again after it went away', async () => {
    const { address, server } = echo;
    server.forceShutdown();
    let ups = 0;
    const downs: string[] = [];
    const frames: string[] = [];
    const stream = keep(
      new PeerStream({
        address,
        method: REPLICATE,
        limits: LIMITS,
        onUp: () => ups++,
        onDown: (reason) => downs.push(reason),
        onFrame: (frame) => frames.push(frame.toString()),
      }),
    );
    stream.open();
    assert.equal(stream.send(Buffer.from('lost')), false);
    await eventually('two attempts', () => stream.stats.reconnects >= 2);
    assert.deepEqual([ups, downs.length], [0, 0]);
    echo = await openEcho(address);
    await eventually('the peer', () => ups === 1);
    assert.ok(stream.send(Buffer.from('a')));
    await eventually('the answer', () => frames.length === 1);
    echo.server.forceShutdown();
    await eventually('the loss', () => downs.length === 1);
    assert.ok(!stream.isUp);
    echo = await openEcho(address);
    await eventually('the peer again', () => ups === 2);
    stream.send(Buffer.from('b'));
    await eventually('the second answer', () => frames.length === 2);
    assert.deepEqual(frames, ['echo a', 'echo b']);
    assert.equal(stream.stats.dropped, 1);
  });

  it('starts over with a peer that sends a broken frame', async () => {
    let ups = 0;
    const downs: string[] = [];
    const stream = keep(
      new PeerStream({
        address: echo.address,
        method: REPLICATE,
        limits: LIMITS,
        onUp: () => ups++,
        onDown: (reason) => downs.push(reason),
        onFrame: () => {
          throw new FrameError('Test.answer', 'better');
        },
      }),
    );
    stream.open();
    await eventually('the peer', () => ups === 1);
    stream.send(Buffer.from('x'));
    await eventually('a new stream', () => ups === 2);
    assert.equal(downs.length, 1);
    assert.match(downs[0] ?? '', /Test\.answer must be better/);
  });

  it('names the address it cannot have', async () => {
    await assert.rejects(bindServer(createServer(), echo.address), (error: Error) => {
      assert.equal(error.name, 'ConfigError');
      assert.match(error.message, new RegExp(`^listen: cannot listen on ${echo.address}`));
      return true;
    });
  });
});
