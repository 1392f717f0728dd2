// How the operating system schedules a process of a local cluster. Ten processes on two cores wake each other with every
// frame, and with the normal policy each wake-up pre-empts whoever is running: slices grow so short that a frame costs
// several times its own work. The batch policy of Linux ends that. Measured in docs/BENCHMARKS.md.

import { existsSync } from 'node:fs';
import { platform } from 'node:os';
import { delimiter, join } from 'node:path';

/** `batch`: a wake-up does not pre-empt. `normal`: the operating system's default. */
export type Scheduling = 'batch' | 'normal';

/** Path of util-linux's `chrt`, or null where there is none. */
function findChrt(): string | null {
  if (platform() !== 'linux') return null;
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/bin'];
  return folders.map((folder) => join(folder, 'chrt')).find((path) => existsSync(path)) ?? null;
}

/** What is used unless told: batch where it can be had. */
export function defaultScheduling(): Scheduling {
  return findChrt() === null ? 'normal' : 'batch';
}

/**
 * A command line that runs `command` under a policy; the process number stays the command's.
 * @throws Error naming what is missing if batch scheduling cannot be had here.
 */
export function scheduled(
  command: string,
  args: readonly string[],
  scheduling: Scheduling,
): { command: string; args: string[] } {
  if (scheduling === 'normal') return { command, args: [...args] };
  const chrt = findChrt();
  if (chrt === null) throw new Error('batch scheduling needs Linux and chrt (Debian package util-linux)');
  return { command: chrt, args: ['--batch', '0', command, ...args] };
}
