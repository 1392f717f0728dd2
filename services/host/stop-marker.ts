// What is left behind when a node was told to stop because its state is wrong: a file beside its store that says why.
// While it is there the node does not start, since it would come back with that state. Only a person takes it away.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from './config.js';

const NAME = 'stopped';

/** Leaves the marker in a node's data directory. */
export function writeStopMarker(directory: string, reason: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, NAME), `${reason}\n`, { flush: true });
}

/** @throws ConfigError with the reason if the marker is in a node's data directory. */
export function assertNotStopped(directory: string): void {
  const path = join(directory, NAME);
  if (!existsSync(path)) return;
  const reason = readFileSync(path, 'utf8').trim();
  throw new ConfigError(`this node was told to stop: ${reason}; move its data directory away, or remove ${path}`);
}
