// `npm run cluster`: a cluster in the foreground, or another leader for one that runs. stdout belongs to the table or,
// with --json, to one line for programs; progress goes to stderr. Exit codes: 0 stopped by a signal, 1 did not start or
// everything ended by itself, 2 bad usage; of a transfer 0 done, 1 another replica leads, 3 refused or not answered.

import Table from 'cli-table3';
import { CLUSTER_HELP, type ClusterCommand, parseClusterFlags, UsageError } from './cluster-flags.js';
import { type LocalCluster, startLocalCluster } from './local-cluster.js';
import { runTransfer } from './transfer-leader.js';

function readCommand(): ClusterCommand {
  try {
    return parseClusterFlags(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`cluster: ${error.message}; --help lists the flags\n`);
    process.exit(2);
  }
}

function describeCluster(cluster: LocalCluster): string {
  const table = new Table({ head: ['role', 'name', 'address', 'pid', ''], style: { head: [], border: [] } });
  for (const { role, name, address, pid, leader } of cluster.services) {
    table.push([role, name, address, pid, leader ? 'leader' : '']);
  }
  return [
    `curpho cluster ${cluster.clusterId}`,
    table.toString(),
    `connect to   ${cluster.target}`,
    `NATS         ${cluster.natsUrl}`,
    `logs         ${cluster.logDir}`,
    'Ctrl-C stops all of it.',
    '',
  ].join('\n');
}

const command = readCommand();
if (command.kind === 'help') {
  process.stdout.write(CLUSTER_HELP);
  process.exit(0);
}

if (command.kind === 'transfer') process.exit(await runTransfer(command.options, command.json));

let running: LocalCluster | null = null;
let isStopping = false;
const stop = async (exitCode: number): Promise<void> => {
  if (isStopping) return;
  isStopping = true;
  await running?.stop();
  process.exit(exitCode);
};
// Before the cluster runs, exiting is enough: the guard ends what was started.
process.on('SIGINT', () => void stop(0));
process.on('SIGTERM', () => void stop(0));

try {
  running = await startLocalCluster({
    ...command.options,
    onLog: (line) => process.stderr.write(`cluster: ${line}\n`),
  });
  const { clusterId, target, natsUrl, services } = running;
  const json = `${JSON.stringify({ clusterId, target, natsUrl, services })}\n`;
  process.stdout.write(command.json ? json : describeCluster(running));
  // The others serve on, which is what a person who kills one wants to see; only the exit code remembers.
  const failure = await running.failed;
  if (!isStopping) process.stderr.write(`cluster: ${failure.message}\n`);
  process.exitCode = 1;
} catch (error) {
  if (!isStopping) process.stderr.write(`cluster: ${error instanceof Error ? error.message : String(error)}\n`);
  await stop(1);
}
