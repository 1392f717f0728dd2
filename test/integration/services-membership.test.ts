// A node's side of the coordinator, against a coordinator that says what the test wants.

import assert from 'node:assert/strict';
import { type Server, type ServerWritableStream, type sendUnaryData, status } from '@grpc/grpc-js';
import {
  CoordinatorService,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type RegisterRequest,
  type RegisterResponse,
  type WatchRequest,
  type WatchResponse,
} from '../../proto/gen/curpho/v1/coordinator.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { Membership, type MembershipOptions } from '../../services/host/membership.js';
import { bindServer, createServer } from '../../services/host/server.js';
import type { Standing } from '../../services/host/store/kept-standing.js';
import { eventually, silentLog } from './services-fixture.js';

type WatchCall = ServerWritableStream<WatchRequest, WatchResponse>;

const CONFIG: ClusterConfig = {
  ...{ clusterId: 'c', epoch: 3, status: 2, leader: 0, replicas: [], witnesses: [] },
  ...{ fastQuorum: 3, openSlot: 9, natsUrl: '', version: 1 },
};

/** A coordinator whose answers the test sets; it notes what it is asked. */
class ScriptedCoordinator {
  readonly registrations: RegisterRequest[] = [];
  readonly heartbeats: HeartbeatRequest[] = [];
  readonly watches: WatchCall[] = [];
  /** Status of the next answers; OK answers. */
  registerStatus: status = status.OK;
  heartbeatStatus: status = status.OK;
  answer: HeartbeatResponse = { epoch: 3, stop: '', version: 1, sessionFloor: 1 };
  address = '';
  private readonly server: Server = createServer();

  async open(listen = '127.0.0.1:0'): Promise<this> {
    const refuse = (): void => undefined;
    this.server.addService(CoordinatorService, {
      register: ({ request }: { request: RegisterRequest }, callback: sendUnaryData<RegisterResponse>) => {
        this.registrations.push(request);
        if (this.registerStatus === status.OK) callback(null, { clusterId: 'c', heartbeatUs: 10_000, sessionFloor: 1 });
        else callback({ code: this.registerStatus, details: 'as scripted' });
      },
      heartbeat: ({ request }: { request: HeartbeatRequest }, callback: sendUnaryData<HeartbeatResponse>) => {
        this.heartbeats.push(request);
        if (this.heartbeatStatus === status.OK) callback(null, this.answer);
        else callback({ code: this.heartbeatStatus, details: 'as scripted' });
      },
      watch: (call: WatchCall) => {
        call.on('error', () => undefined);
        this.watches.push(call);
        call.write({ config: CONFIG });
      },
      getConfig: refuse,
      openSessions: refuse,
      transferLeader: refuse,
    });
    this.address = await bindServer(this.server, listen);
    return this;
  }

  close(): void {
    this.server.forceShutdown();
  }
}

describe('membership', () => {
  let coordinator: ScriptedCoordinator;
  let membership: Membership;
  let configs: ClusterConfig[] = [];

  const join = (overrides: Partial<MembershipOptions> = {}): Membership => {
    membership = new Membership({
      coordinators: [coordinator.address],
      role: 'replica',
      nodeId: 'r0',
      address: '127.0.0.1:7001',
      incarnation: 99,
      clusterId: '',
      epoch: () => 3,
      onConfig: (config) => configs.push(config),
      log: silentLog,
      ...overrides,
    });
    return membership;
  };

  beforeEach(async () => {
    coordinator = await new ScriptedCoordinator().open();
    configs = [];
  });

  afterEach(() => {
    membership.close();
    coordinator.close();
  });

  it('registers, takes the cluster id, sends heartbeats with its epoch and follows configurations', async () => {
    assert.equal(await join().register(), 'c');
    assert.equal(coordinator.registrations[0]?.nodeId, 'r0');
    membership.start();
    await eventually('heartbeats and a configuration', () => coordinator.heartbeats.length > 1 && configs.length > 0);
    assert.deepEqual(coordinator.heartbeats[0], {
      clusterId: 'c',
      nodeId: 'r0',
      role: 1,
      incarnation: 99,
      epoch: 3,
      lostEpoch: 0,
      stalledUs: 0,
      stateSlot: 0,
      stateHash: 0,
      sessionFloor: 1,
      config: undefined,
      openEpoch: 0,
      openVersion: 0,
    });
    assert.equal(configs[0]?.openSlot, 9);
    coordinator.watches[0]?.write({ config: { ...CONFIG, epoch: 4 } });
    await eventually('the next configuration', () => configs.at(-1)?.epoch === 4);
  });

  it('F8: says the session floor that it was told, at once if it is a new one', async () => {
    coordinator.answer = { ...coordinator.answer, sessionFloor: 10_001 };
    await join().register();
    membership.start();
    await eventually('the floor', () => coordinator.heartbeats.some(({ sessionFloor }) => sessionFloor === 10_001));
    assert.equal(coordinator.heartbeats[0]?.sessionFloor, 1);
    assert.equal(coordinator.heartbeats[1]?.sessionFloor, 10_001);
  });

  it('D9: hands the open configuration over to a coordinator that has an older one', async () => {
    coordinator.answer = { ...coordinator.answer, epoch: 3, version: 1 };
    await join().register();
    membership.start();
    await eventually('a heartbeat that knows the epoch', () => coordinator.heartbeats.at(-1)?.openEpoch === 3);
    await eventually('one without it', () => coordinator.heartbeats.at(-1)?.config === undefined);
    coordinator.answer = { ...coordinator.answer, epoch: 3, version: 0 };
    await eventually('the configuration', () => coordinator.heartbeats.at(-1)?.config?.openSlot === 9);
  });

  it('D9: says only what its next process would know, and begins with what the last one was told', async () => {
    coordinator.answer = { ...coordinator.answer, sessionFloor: 10_001 };
    const toBeKept: { standing: Standing; onKept: () => void }[] = [];
    const standing = { sessionFloor: 77, lastOpen: { ...CONFIG, epoch: 2 } };
    await join({ standing, keepStanding: (next, onKept) => toBeKept.push({ standing: next, onKept }) }).register();
    assert.equal(coordinator.registrations[0]?.sessionFloor, 77);
    assert.equal(coordinator.registrations[0]?.openEpoch, 2);
    membership.start();
    // The configuration comes by the watch and the floor with an answer to a heartbeat, whichever is first.
    await eventually('all there is to keep', () => {
      const { lastOpen, sessionFloor } = toBeKept.at(-1)?.standing ?? {};
      return lastOpen?.epoch === 3 && sessionFloor === 10_001;
    });
    const before = coordinator.heartbeats.length;
    await eventually('more heartbeats', () => coordinator.heartbeats.length > before + 2);
    const said = new Set(coordinator.heartbeats.map(({ sessionFloor, openEpoch }) => `${sessionFloor} ${openEpoch}`));
    assert.deepEqual([...said], ['77 2'], 'none of it is kept');
    for (const { onKept } of toBeKept) onKept();
    await eventually('what is kept', () => coordinator.heartbeats.at(-1)?.sessionFloor === 10_001);
    assert.equal(coordinator.heartbeats.at(-1)?.openEpoch, 3);
  });

  it('says how its state is, and passes on that it has to stop', async () => {
    const reasons: string[] = [];
    const state = { lostEpoch: 2, stalledUs: 7, stateSlot: 64, stateHash: 77 };
    await join({ state: () => state, onStop: (reason) => reasons.push(reason) }).register();
    membership.start();
    await eventually('a heartbeat', () => coordinator.heartbeats.at(-1)?.stateHash === 77);
    assert.deepEqual(reasons, []);
    coordinator.answer = { ...coordinator.answer, stop: 'slot 64' };
    await eventually('the reason', () => reasons[0] === 'slot 64');
  });

  it('ignores the configuration of another cluster', async () => {
    await join().register();
    membership.start();
    await eventually('the watch', () => configs.length === 1);
    coordinator.watches[0]?.write({ config: { ...CONFIG, clusterId: 'other', epoch: 5 } });
    coordinator.watches[0]?.write({ config: { ...CONFIG, epoch: 6 } });
    await eventually('the next configuration', () => configs.length === 2);
    assert.equal(configs[1]?.epoch, 6);
  });

  it('tries one coordinator after the other', async () => {
    const coordinators = ['127.0.0.1:1', coordinator.address];
    assert.equal(await join({ coordinators }).register(), 'c');
  });

  it('registers again when the coordinator has forgotten it', async () => {
    await join().register();
    membership.start();
    coordinator.heartbeatStatus = status.NOT_FOUND;
    await eventually('a second registration', () => coordinator.registrations.length > 1);
    assert.equal(coordinator.registrations[1]?.incarnation, 99);
  });

  it('D10: registers again when the record looks for it elsewhere, and for nobody else', async () => {
    await join().register();
    membership.start();
    await eventually('the watch', () => configs.length === 1);
    const member = { id: 'r0', index: 0, address: '127.0.0.1:6999', incarnation: 98 };
    const tell = (config: Partial<ClusterConfig>): unknown =>
      coordinator.watches[0]?.write({ config: { ...CONFIG, ...config } });
    tell({ version: 2, replicas: [member], witnesses: [{ ...member, incarnation: 99 }] });
    await eventually('a heartbeat that knows it', () => coordinator.heartbeats.at(-1)?.openVersion === 2);
    assert.equal(coordinator.registrations.length, 1, 'another life is meant');
    tell({ version: 3, replicas: [{ ...member, incarnation: 99 }] });
    await eventually('a second registration', () => coordinator.registrations.length > 1);
    assert.equal(coordinator.registrations[1]?.address, '127.0.0.1:7001');
    await eventually('heartbeats again', () => coordinator.heartbeats.at(-1)?.openVersion === 3);
  });

  it('watches again after the coordinator went away', async () => {
    const { address } = coordinator;
    await join().register();
    membership.start();
    await eventually('the watch', () => configs.length === 1);
    coordinator.close();
    coordinator = await new ScriptedCoordinator().open(address);
    await eventually('the watch again', () => configs.length === 2);
  });

  it('gives up on a name that stays taken, and says which', async () => {
    coordinator.registerStatus = status.ALREADY_EXISTS;
    await assert.rejects(join({ namePatienceMs: 100 }).register(), {
      name: 'ConfigError',
      message: /^node-id: a live replica is already called r0/,
    });
    assert.ok(coordinator.registrations.length > 1);
  });

  it('waits for its former life to be taken for dead', async () => {
    coordinator.registerStatus = status.ALREADY_EXISTS;
    const registered = join().register();
    await eventually('a refusal', () => coordinator.registrations.length > 0);
    coordinator.registerStatus = status.OK;
    assert.equal(await registered, 'c');
  });

  it('does not join another cluster than the one it was told', async () => {
    await assert.rejects(join({ clusterId: 'mine' }).register(), {
      name: 'ConfigError',
      message: 'cluster-id: the coordinator serves c, not mine',
    });
  });
});
