// What the tests of services share: a silent log, a raw client of byte streams, waiting for a condition, a NATS server.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { createLog, type Log } from '../../services/host/log.js';

/** Writes nothing. */
export const silentLog: Log = createLog({ role: 'test', node: 'test', epoch: 0 }, 'silent');

/** Resolves once `isTrue`; looks every few milliseconds. Rejects after `withinMs`, naming `what`. */
export async function eventually(what: string, isTrue: () => boolean, withinMs = 5000): Promise<void> {
  const untilMs = performance.now() + withinMs;
  while (!isTrue()) {
    if (performance.now() > untilMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const identity = (bytes: Buffer): Buffer => bytes;

/** The client's end of one byte stream. */
export class RawStream {
  readonly frames: Buffer[] = [];
  /** How the stream ended; null while it is open. */
  end: Pick<ServiceError, 'code' | 'details'> | null = null;
  isUp = false;
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  private readonly client: Client;

  constructor(address: string, path: string, keys: Record<string, string> = {}) {
    this.client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(keys)) metadata.set(key, value);
    this.call = this.client.makeBidiStreamRequest(path, identity, identity, metadata);
    this.call.on('metadata', () => {
      this.isUp = true;
    });
    this.call.on('data', (frame: Buffer) => this.frames.push(frame));
    this.call.on('error', () => undefined);
    this.call.on('status', ({ code, details }) => {
      this.end = { code, details };
    });
  }

  /** Waits for the `count`-th frame. */
  async frame(count: number): Promise<Buffer> {
    await eventually(`frame ${count}`, () => this.frames.length >= count);
    return this.frames[count - 1] as Buffer;
  }

  /** Waits for the end. */
  async ended(): Promise<Pick<ServiceError, 'code' | 'details'>> {
    await eventually('the end of the stream', () => this.end !== null);
    return this.end ?? { code: status.OK, details: '' };
  }

  close(): void {
    this.call.cancel();
    this.client.close();
  }
}

/** A NATS server of our own on a free port. */
export class NatsServer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    readonly url: string,
  ) {}

  /** Starts it, with nothing stored; `port` -1 picks a free one. */
  static async start(port = -1): Promise<NatsServer> {
    const folder = mkdtempSync(join(tmpdir(), 'curpho-nats-'));
    const configuration = join(folder, 'nats.conf');
    const jetStream = `jetstream { store_dir: "${folder}", max_mem: 16MB, max_file: 64MB }\n`;
    writeFileSync(configuration, `listen: "127.0.0.1:${port}"\n${jetStream}`);
    const program = existsSync('/usr/sbin/nats-server') ? '/usr/sbin/nats-server' : 'nats-server';
    const child = spawn(program, ['-c', configuration, '--ports_file_dir', folder], { stdio: 'ignore' });
    const ports = join(folder, `nats-server_${child.pid}.ports`);
    await eventually('the NATS server', () => existsSync(ports) && readFileSync(ports, 'utf8').endsWith('}'));
    const { nats } = JSON.parse(readFileSync(ports, 'utf8')) as { nats: string[] };
    return new NatsServer(child, folder, nats[0] ?? '');
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What the standard health service of a node says. */
export function checkHealth(address: string, service = ''): Promise<string> {
  const client = new Client(address, credentials.createInsecure());
  // HealthCheckRequest { string service = 1 } and HealthCheckResponse { ServingStatus status = 1 }, by hand.
  const encode = (name: string): Buffer => Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)]);
  const decode = (bytes: Buffer): string => ['UNKNOWN', 'SERVING', 'NOT_SERVING'][bytes[1] ?? 0] ?? 'UNKNOWN';
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest('/grpc.health.v1.Health/Check', encode, decode, service, (error, answer) => {
      client.close();
      if (error === null && answer !== undefined) resolve(answer);
      else reject(error);
    });
  });
}
