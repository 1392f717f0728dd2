// CPU time per operation of the cores and the codec, without sockets, by role: two clients with 16 sessions each, three
// replicas and three witnesses in one process, `npm start`'s shares of reads and writes, frames encoded and decoded on
// their way. It rises by a fifth while others use the machine, so compare two builds in turns, never with figures of
// another time:
//   node scripts/bench-cores.mjs [--dist <directory>] [--other <directory>] [--rounds 5] [--operations 400000]

import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    dist: { type: 'string', default: join(dirname(fileURLToPath(import.meta.url)), '..', 'dist') },
    other: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    operations: { type: 'string', default: '400000' },
    once: { type: 'boolean', default: false },
  },
});

const CLUSTER = 'bench';
const CLIENTS = 2;
const SESSIONS = 16;
const PENDING = 10;
const KEYS = 1_000_000;
const TURN_US = 2000;

if (values.once) console.log(JSON.stringify(await measure(resolve(values.dist), Number(values.operations))));
else compare([values.dist, ...(values.other === undefined ? [] : [values.other])]);

/** Runs the builds in turns, each in a process of its own, and prints the medians. */
function compare(builds) {
  const runs = builds.map(() => []);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [at, dist] of builds.entries()) {
      const args = [fileURLToPath(import.meta.url), '--once', '--dist', dist, '--operations', values.operations];
      const { stdout, status } = spawnSync(process.execPath, args, {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      if (status !== 0) process.exit(1);
      runs[at].push(JSON.parse(stdout));
    }
  }
  for (const role of Object.keys(runs[0][0])) {
    const medians = runs.map((of) => median(of.map((run) => run[role])));
    const ratio = medians.length > 1 ? `  ${(medians[0] / medians[1]).toFixed(3)} times of the other` : '';
    console.log(`${role.padEnd(10)} ${medians.map((us) => us.toFixed(3).padStart(8)).join('')} us/operation${ratio}`);
  }
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** CPU microseconds per operation by role, after as many operations to warm up as are measured. */
async function measure(dist, operations) {
  const load = (file) => import(pathToFileURL(join(dist, file)).href);
  const [{ ReplicaCore }, { WitnessCore }, { ClientCore }, codec] = await Promise.all(
    [
      'protocol/replica/replica-core.js',
      'protocol/witness/witness-core.js',
      'protocol/session/client-core.js',
      'proto/codec.js',
    ].map(load),
  );
  const member = (kind) => (_, index) => ({ id: `${kind}${index}`, index, address: '', incarnation: 100 + index });
  const config = {
    ...{ clusterId: CLUSTER, epoch: 1, status: 1, leader: 0, fastQuorum: 3, openSlot: 0, natsUrl: '', version: 1 },
    replicas: Array.from({ length: 3 }, member('r')),
    witnesses: Array.from({ length: 3 }, member('w')),
  };
  const common = { clusterId: CLUSTER, shards: 16 };
  const post = new Map();
  const nodes = [];
  const send = (to, kind, decode, bytes) => post.get(to).push({ kind, decode, bytes });
  const add = (name, role, core, perform) => {
    post.set(name, []);
    nodes.push({ name, role, core, perform, outputs: [] });
  };
  let nowUs = 1_000_000;
  let completed = 0;
  let fast = 0;
  const idle = [];
  const frames = {
    replica: (name) => (output) => {
      const { kind, frame } = output;
      if (kind === 'session')
        send(`c${output.client}`, kind, codec.decodeSessionResponse, codec.encodeSessionResponse(frame));
      else if (kind === 'acks')
        send(`c${output.client}`, kind, codec.decodeAckBatch, codec.encodeAckBatch(output.batch));
      else if (kind === 'replicated')
        send('r0', kind, codec.decodeReplicateResponse, codec.encodeReplicateResponse(frame));
      else if (kind === 'replicate' || kind === 'collect') {
        const isLog = kind === 'replicate';
        const bytes = isLog ? codec.encodeReplicateRequest(frame) : codec.encodeCollectRequest(frame);
        const decode = isLog ? codec.decodeReplicateRequest : codec.decodeCollectRequest;
        for (const to of output.to) send(`${isLog ? 'r' : 'w'}${to}`, kind, decode, bytes);
      } else if (kind === 'led') config.openSlot = output.response.openSlot;
      else if (kind !== 'fenced') throw new Error(`${name}: ${kind}`);
    },
    witness: () => (output) => {
      if (output.kind === 'record')
        send(`c${output.client}`, 'record', codec.decodeRecordResponse, codec.encodeRecordResponse(output.frame));
      else if (output.kind === 'collected')
        send('r0', 'collected', codec.decodeCollectResponse, codec.encodeCollectResponse(output.frame));
    },
    client: () => (output) => {
      if (output.kind === 'completed') {
        completed++;
        if (output.answer.path === 'fast') fast++;
        idle.push(output.call);
      } else if (output.kind === 'session' || output.kind === 'record') {
        const isSession = output.kind === 'session';
        const bytes = isSession ? codec.encodeSessionRequest(output.frame) : codec.encodeRecordRequest(output.frame);
        const decode = isSession ? codec.decodeSessionRequest : codec.decodeRecordRequest;
        for (const to of output.to) send(`${isSession ? 'r' : 'w'}${to}`, output.kind, decode, bytes);
      } else if (output.kind === 'refused' || output.kind === 'failed')
        throw new Error(`${output.kind} ${output.reason}`);
    },
  };
  for (const { id, index, incarnation } of config.replicas) {
    const core = new ReplicaCore({ ...common, id, incarnation, descriptorLimit: 200 });
    add(id, index === 0 ? 'leader' : 'follower', core, frames.replica(id));
  }
  for (const { id, incarnation } of config.witnesses)
    add(id, 'witness', new WitnessCore({ ...common, id, incarnation }), frames.witness());
  const step = (node, input) => {
    node.core.step(input, nowUs, node.outputs);
    for (let at = 0; at < node.outputs.length; at++) node.perform(node.outputs[at]);
    node.outputs.length = 0;
  };
  const spent = { leader: 0, follower: 0, witness: 0, client: 0 };
  const turn = (node) => {
    const start = process.cpuUsage();
    const inbox = post.get(node.name);
    post.set(node.name, []);
    for (const { kind, decode, bytes } of inbox) {
      const frame = decode(bytes);
      step(node, kind === 'acks' ? { kind, batch: frame } : { kind, frame });
    }
    if (node.role === 'client') node.submitAll();
    step(node, { kind: 'turnEnd' });
    const { user, system } = process.cpuUsage(start);
    spent[node.role] += user + system;
  };
  let rounds = 0;
  const round = () => {
    nowUs += TURN_US;
    for (const node of nodes) {
      if (rounds % 10 === 0) step(node, { kind: 'tick' });
      turn(node);
    }
    rounds++;
  };
  for (const node of nodes) if (node.role !== 'witness') step(node, { kind: 'config', config: { ...config } });
  for (const node of nodes) {
    const incarnation = 100 + Number(node.name.slice(1));
    if (node.role === 'witness')
      step(node, {
        kind: 'start',
        call: 1,
        request: { config: { ...config, status: 2 }, witnessId: node.name, committed: [] },
      });
    else
      step(node, {
        kind: 'fence',
        call: 1,
        request: { clusterId: CLUSTER, epoch: 1, incarnation, wantsLastWrites: false },
      });
  }
  step(nodes[0], { kind: 'lead', call: 2, request: { clusterId: CLUSTER, config: { ...config }, replay: [] } });
  for (let tries = 0; config.openSlot === 0; tries++) {
    if (tries > 100) throw new Error('the epoch does not open');
    round();
  }
  config.status = 2;
  for (const node of nodes) if (node.role !== 'witness') step(node, { kind: 'config', config: { ...config } });

  const random = createRandom(7);
  const sessionOf = new Map();
  let calls = 0;
  const operation = () => {
    const strong = random() < 0.5;
    const key = Buffer.from(`key-${Math.floor(KEYS * random() ** 8)}`);
    return random() < 0.1
      ? { kind: 'put', strong, key, value: Buffer.alloc(100, 97 + Math.floor(26 * random())) }
      : { kind: 'get', strong, key };
  };
  const clients = Array.from({ length: CLIENTS }, (_, at) => {
    const core = new ClientCore({
      clusterId: CLUSTER,
      clientId: at + 1,
      config: { ...config },
      ackWaitUs: 20_000,
      retryUs: 100_000,
      writeSetLimit: 64,
    });
    add(`c${at + 1}`, 'client', core, frames.client());
    const node = nodes.at(-1);
    const inputs = [];
    for (let index = 0; index < 3; index++)
      inputs.push({ kind: 'replicaUp', replica: index }, { kind: 'witnessUp', witness: index });
    inputs.push({ kind: 'bind', replica: 1 + at });
    for (let session = 0; session < SESSIONS; session++)
      inputs.push({ kind: 'openSession', session: 1 + at * SESSIONS + session, token: null });
    for (const input of inputs) step(node, input);
    const submit = (session) => {
      const call = ++calls;
      sessionOf.set(call, session);
      step(node, { kind: 'submit', session, call, operation: operation(), isTraced: false });
    };
    node.submitAll = () => {
      for (const call of idle.splice(0)) {
        const session = sessionOf.get(call);
        sessionOf.delete(call);
        submit(session);
      }
    };
    return { at, submit };
  });
  return run();

  function run() {
    for (const { at, submit } of clients) {
      for (let session = 0; session < SESSIONS; session++)
        for (let n = 0; n < PENDING; n++) submit(1 + at * SESSIONS + session);
    }
    while (completed < operations) round();
    completed = 0;
    fast = 0;
    for (const role of Object.keys(spent)) spent[role] = 0;
    while (completed < operations) round();
    const result = Object.fromEntries(Object.entries(spent).map(([role, us]) => [role, us / completed]));
    // Half of all operations are strong; the builds can be compared only where as many of them are fast.
    if (fast < 0.4 * completed) throw new Error(`${fast} of ${completed} operations were fast`);
    return { ...result, total: Object.values(result).reduce((sum, us) => sum + us, 0) };
  }
}

function createRandom(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
