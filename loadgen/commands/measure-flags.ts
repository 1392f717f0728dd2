// The flags of the measuring commands, in the groups in which help shows them. Their values are parsed in plan.ts.

import type { Command } from 'commander';

import type { PlanDefaults } from '../plan.js';

/** Adds all flags; `defaults` are named in the help. */
export function addMeasureFlags(command: Command, defaults: PlanDefaults): Command {
  addLoadFlags(command, defaults);
  addDataFlags(command);
  addClusterFlags(command);
  addTraceFlags(command, defaults);
  addOutputFlags(command);
  return command;
}

function addLoadFlags(command: Command, defaults: PlanDefaults): void {
  const points = defaults.manyPoints ? 'list of sessions per process, one point each' : 'sessions per process';
  command
    .optionsGroup('Load:')
    .option('--clients <n>', 'client processes (default 2)')
    .option('--threads <n>', `${points} (default ${defaults.threads.join(',')})`)
    .option('--pendings <n>', 'closed loop: operations in flight per session (default 10)')
    .option('--workers <host:port,…>', 'load workers on other machines, one client process each; replaces --clients')
    .optionsGroup('Open loop:')
    .option('--rate <operations/s>', 'operations per second over all streams, such as 2000/s or 2k/s')
    .option('--arrivals <pattern>', 'poisson: as of many independent users; constant: evenly spaced (default poisson)')
    .option('--in-flight-limit <n>', 'operations in flight per process; further ones wait (default 10000)')
    .option('--waiting-limit <n>', 'operations waiting per process; further ones are dropped, counted (default 100000)')
    .optionsGroup('Windows:')
    .option('--duration <time>', 'length of a measuring window (default 5s)')
    .option('--requests <n>', 'closed loop: operations per session and window; replaces --duration')
    .option('--warmup <time>', 'load before the first window, at the largest stream count (default 10s)')
    .option('--iterations <n>', `windows per point (default ${defaults.iterations})`);
}

function addDataFlags(command: Command): void {
  command
    .optionsGroup('Operations and data:')
    .option('--weak-ratio <fraction>', 'share of weak operations (default 0.5)')
    .option('--write-ratio <fraction>', 'share of writes in weak and in strong operations (default 0.1)')
    .option('--keys <n>', 'number of keys (default 1000000)')
    .option('--zipf <exponent>', 'popularity of keys; 0 is uniform (default 0.9)')
    .option('--value-bytes <n>', 'length of values (default 100)')
    .option('--preload', 'write all keys first')
    .option('--seed <n>', 'same seed, same operations (default 1)');
}

function addClusterFlags(command: Command): void {
  command
    .optionsGroup('Cluster:')
    .option('--target <host:port,…>', 'coordinators of an existing cluster (default: a local cluster of its own)')
    .option('--descriptor-limit <n>', 'commands admitted and not committed, per replica (default 200)')
    .option('--shards <n>', 'parts of the key map and of the witness pool')
    .option('--batch-delay <µs>', 'gathering time of a frame; 0 ends it with the event-loop turn (default 0)')
    .option('--ack-transport <way>', 'nats or stream (default nats)')
    .option('--durability <where>', 'memory or disk, of the local cluster (default memory)')
    .option('--scheduling <policy>', 'batch or normal, for every process started here (default batch)');
}

function addTraceFlags(command: Command, defaults: PlanDefaults): void {
  const otherwise = defaults.traceRatio === 0 ? 'none without' : `${defaults.traceRatio} without`;
  command
    .optionsGroup('Attribution, probes and tracing:')
    .option('--attribute-every <n>', 'every so manieth operation says where its time went; 0 for none (default 16)')
    .option('--probes', `try after the points what they cannot tell, some 50 s${defaults.probes ? ' (default)' : ''}`)
    .option('--no-probes', `leave that out${defaults.probes ? '' : ' (default)'}`)
    .option('--otlp <url>', 'OTLP/gRPC endpoint that gets the spans, such as http://127.0.0.1:4317')
    .option('--trace-ratio <fraction>', `share of traced operations (default 0.01 with --otlp, ${otherwise})`);
}

function addOutputFlags(command: Command): void {
  command
    .optionsGroup('Results:')
    .option('--out <directory>', 'where result.json, report.html and report.md go (default results/<time>)')
    .option('--history <file>', 'write every operation as a line of JSON; costs speed')
    .option('--goal <conditions>', "what one point has to meet, such as 'opsPerSecond>=23000,weakP50Ms<2'")
    .option('--baseline <directory>', 'an earlier result to compare with')
    .option('--json', 'print one JSON document instead of the tables');
}
