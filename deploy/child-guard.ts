// Sees to it that no child outlives its parent, however the parent ends: a shell of its own session reads a pipe from the
// parent, and when the pipe closes (also after kill -9) ends the processes that were last named on it. Knows nothing of
// what they are.

import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';

// $1 is a directory to remove, or empty. Each line on stdin is the whole list of processes, so none is ended by a
// number that another process may have got since. Those that ignore SIGTERM have three seconds.
const SCRIPT = `
while read -r line; do pids=$line; done
[ -z "$pids" ] || kill -TERM $pids 2>/dev/null
[ -z "$pids" ] || kill -CONT $pids 2>/dev/null
for i in 1 2 3; do
  alive=
  for pid in $pids; do kill -0 "$pid" 2>/dev/null && alive="$alive $pid"; done
  [ -z "$alive" ] && break
  pids=$alive
  sleep 1
done
[ -z "$alive" ] || kill -KILL $alive 2>/dev/null
[ -z "$1" ] || rm -rf -- "$1"
`;

/** Guards any number of child processes. */
export class ChildGuard {
  readonly #shell: ChildProcess;
  readonly #pids = new Set<number>();

  /** @param directory removed when the guard ends; empty for none. */
  constructor(directory: string) {
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'guard', directory], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    // A guard that is gone can be written to no more; the children are then ended by `stop` alone.
    this.#shell.on('error', () => undefined);
    this.#shell.stdin?.on('error', () => undefined);
    this.#shell.unref();
    if (this.#shell.stdin instanceof Socket) this.#shell.stdin.unref();
  }

  /** Adds a running process. */
  add(pid: number): void {
    this.#pids.add(pid);
    this.#tell();
  }

  /** Takes out a process that has ended, before its number can be given to another. */
  remove(pid: number): void {
    if (this.#pids.delete(pid)) this.#tell();
  }

  /** Ends the guard: what is still in it is ended, and the directory removed. Resolves when that is done. */
  release(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#shell.exitCode !== null || this.#shell.pid === undefined) return resolve();
      this.#shell.ref();
      this.#shell.once('exit', () => resolve());
      this.#shell.stdin?.end();
    });
  }

  #tell(): void {
    this.#shell.stdin?.write(`${[...this.#pids].join(' ')}\n`);
  }
}
