// One process at a time may have a directory open. The kernel holds the lock and lets go of it however the process ends,
// so there is nothing to clean up after a kill -9 and no guessing whether some process number still means the same.

import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../config.js';

/** The lock of a directory, held until `release` or the end of the process. */
export class DirectoryLock {
  private constructor(
    private readonly descriptor: number,
    /** Whether the directory was ever in use. */
    readonly hadHolder: boolean,
  ) {}

  /**
   * Takes the lock.
   * @throws ConfigError if another process has it, or if it cannot be taken at all.
   */
  static take(directory: string): DirectoryLock {
    const path = join(directory, 'lock');
    let descriptor: number;
    try {
      descriptor = openSync(path, 'a+');
    } catch (error) {
      throw new ConfigError(`data-dir: cannot open ${path}: ${error instanceof Error ? error.message : error}`);
    }
    // Node has no flock. A lock belongs to the open file, which the child shares with us and leaves to us.
    const { status, error } = spawnSync('flock', ['--exclusive', '--nonblock', '3'], {
      stdio: ['ignore', 'ignore', 'ignore', descriptor],
    });
    if (status !== 0) {
      closeSync(descriptor);
      if (error !== undefined) {
        throw new ConfigError(
          `data-dir: cannot lock ${path}: the program flock (util-linux) does not run: ${error.message}`,
        );
      }
      const holder = readFileSync(path, 'latin1').trim();
      throw new ConfigError(`data-dir: ${directory} is open in another process${holder === '' ? '' : ` (${holder})`}`);
    }
    return new DirectoryLock(descriptor, fstatSync(descriptor).size > 0);
  }

  /** Notes who has the lock, for the message that others get, and that the directory is in use from now on. */
  nameHolder(): void {
    ftruncateSync(this.descriptor);
    writeSync(this.descriptor, `pid ${process.pid}\n`);
  }

  release(): void {
    closeSync(this.descriptor);
  }
}
