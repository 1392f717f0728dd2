// The frame of every node's `main`: settings in, ready line out, signals handled, exit codes as promised: 0 drained,
// 2 bad settings, a name that is taken, or a node that was told to stop, 70 a broken invariant, 74 data that cannot be
// trusted, 76 told to stop.

import { type Config, ConfigError, describeConfig, loadConfig, type ProgramSpec, type Settings } from './config.js';
import { type Drainable, drainOnSignals } from './drain.js';
import { ExitCode } from './exit-codes.js';
import type { Log } from './log.js';
import { DamageError } from './store/examination.js';

/** A service that is open. */
export interface OpenService extends Drainable {
  /** What it is. */
  readonly role: string;
  /** Its name in the cluster. */
  readonly nodeId: string;
  /** Where others reach it, host:port. */
  readonly address: string;
  readonly log: Log;
}

/** The line on stdout that says that a service is open; one JSON object, for programs that start it. */
export function describeReady(service: OpenService): string {
  const { role, nodeId, address } = service;
  return `${JSON.stringify({ role, name: nodeId, address, pid: process.pid })}\n`;
}

/** Runs a service as this process until a signal ends it. */
export async function runProgram<S extends Settings>(
  spec: ProgramSpec<S>,
  open: (config: Config<S>) => Promise<OpenService>,
): Promise<void> {
  const config = loadConfig(spec);
  try {
    const service = await open(config);
    service.log.info({ config: describeConfig(spec.settings, config), address: service.address }, 'ready');
    drainOnSignals(service, service.log);
    process.stdout.write(describeReady(service));
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof DamageError)) throw error;
    process.stderr.write(`${spec.program}: ${error.message}\n`);
    process.exit(error instanceof DamageError ? ExitCode.damagedData : ExitCode.badSettings);
  }
}
