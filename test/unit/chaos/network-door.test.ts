// A door in front of a process: passes bytes, holds them in one direction, is late in order, breaks connections. Real
// sockets on loopback; waiting is for bytes, never for time.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { NetworkDoor } from '../../chaos/network-door.js';

/** Gathers what a socket says until it has said so much. */
async function read(socket: Socket, length: number): Promise<string> {
  let text = '';
  while (text.length < length) text += String((await once(socket, 'data'))[0]);
  return text;
}

describe('network door', () => {
  let server: Server;
  let door: NetworkDoor;
  let caller: Socket;
  let callee: Socket;

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    door = new NetworkDoor(`127.0.0.1:${(server.address() as AddressInfo).port}`, () => 0.5);
    await door.open();
    [caller, callee] = await join();
  });

  afterEach(() => {
    caller.destroy();
    callee.destroy();
    door.close();
    server.close();
  });

  async function join(): Promise<[Socket, Socket]> {
    const accepted = once(server, 'connection');
    const socket = connect({ host: '127.0.0.1', port: Number(door.address.split(':')[1]), allowHalfOpen: true });
    const [other] = (await accepted) as [Socket];
    return [socket, other];
  }

  it('passes bytes both ways, and the end of each direction by itself', async () => {
    caller.write('question');
    assert.equal(await read(callee, 8), 'question');
    caller.end();
    callee.resume();
    await once(callee, 'end');
    callee.write('answer');
    assert.equal(await read(caller, 6), 'answer');
  });

  it('holds what comes in and lets answers out; afterwards everything arrives, in order', async () => {
    door.set({ holdsIn: true });
    caller.write('one');
    callee.write('unasked');
    assert.equal(await read(caller, 7), 'unasked');
    caller.write('two');
    assert.equal(callee.bytesRead, 0);
    door.set({});
    assert.equal(await read(callee, 6), 'onetwo');
  });

  it('holds answers and lets in what is asked', async () => {
    door.set({ holdsOut: true });
    callee.write('held');
    caller.write('through');
    assert.equal(await read(callee, 7), 'through');
    assert.equal(caller.bytesRead, 0);
    door.set({});
    assert.equal(await read(caller, 4), 'held');
  });

  it('is late by what was asked for, and keeps order whatever the jitter', async () => {
    door.set({ delayMs: 30, jitterMs: 20 });
    const beganMs = performance.now();
    for (const part of ['a', 'b', 'c']) caller.write(part);
    assert.equal(await read(callee, 3), 'abc');
    assert.ok(performance.now() - beganMs >= 30);
  });

  it('passes more than it keeps at once', async () => {
    const bytes = 5 << 20;
    door.set({ delayMs: 5 });
    caller.write(Buffer.alloc(bytes, 'x'));
    assert.equal((await read(callee, bytes)).length, bytes);
  });

  it('cut, breaks connections and those that come; afterwards new ones pass', async () => {
    for (const socket of [caller, callee]) socket.on('error', () => undefined);
    const broken = Promise.all([caller, callee].map((socket) => once(socket.resume(), 'close')));
    door.set({ isCut: true });
    for (const socket of [caller, callee]) socket.on('end', () => socket.destroy());
    await broken;
    const refused = connect({ host: '127.0.0.1', port: Number(door.address.split(':')[1]) });
    refused.on('error', () => undefined).resume();
    await once(refused, 'close');
    door.set({});
    [caller, callee] = await join();
    caller.write('again');
    assert.equal(await read(callee, 5), 'again');
  });
});
