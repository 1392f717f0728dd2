// The process that makes the load of a chaos run, apart from the one that makes the faults. Takes its orders as one JSON
// argument, says on stdout in lines of JSON how it stands, ends its load at SIGTERM, and then writes what is stored.

import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { connect } from '../../client/index.js';
import { HistoryWriter } from '../../loadgen/worker/history.js';
import type { HistoryEvent } from '../checkers/history.js';
import { ChaosLoad } from './chaos-load.js';
import type { LoadLine, LoadOrders } from './load-process.js';

const PROGRESS_MS = 200;
const DEADLINE_MS = 15_000;

function say(line: LoadLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const orders: LoadOrders = JSON.parse(process.argv[2] ?? '{}');
const writer = new HistoryWriter<HistoryEvent>(orders.history);
const load = new ChaosLoad({ ...orders, write: (event) => writer.write(event) });
const stopped = new Promise<void>((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => resolve());
});
const options = { target: orders.target, deadlineMs: DEADLINE_MS };
const clients = await Promise.all(Array.from({ length: orders.connections }, () => connect(options)));
await load.prepare(clients);
load.start();
say({ kind: 'started', counts: load.counts });
const progress = setInterval(() => say({ kind: 'progress', counts: load.counts }), PROGRESS_MS);
await stopped;
await load.stop();
writer.close();
const [client] = clients;
if (client !== undefined) writeFileSync(orders.finalState, JSON.stringify(await load.finalState(client)));
clearInterval(progress);
say({ kind: 'done', counts: load.counts });
await Promise.all(clients.map((each) => each.close({ graceMs: 0 })));
