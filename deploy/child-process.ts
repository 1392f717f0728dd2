// One child process with its log file: start, wait for what it says on stdout, end it in bounded time. Knows nothing of
// what the process does.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ChildGuard } from './child-guard.js';
import { type Scheduling, scheduled } from './scheduling.js';

const TAIL_LINES = 15;
const GRACE_MS = 6000;

/** What to run. */
export interface GuardedProcessOptions {
  /** For messages. */
  name: string;
  command: string;
  args: readonly string[];
  /**
   * File, written anew, that gets everything the process writes to stderr, and to stdout unless `onLine` is given. Null
   * passes all that through to where this process writes it.
   */
  logPath: string | null;
  guard: ChildGuard;
  scheduling: Scheduling;
  /** Told every line of stdout. */
  onLine?: (line: string) => void;
}

/** A process that runs, or ran. */
export class GuardedProcess {
  readonly name: string;
  readonly logPath: string | null;
  /** Resolves when the process has ended, with how it ended in words: `exit code 1`, `signal SIGKILL`. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #isEnded = false;

  /** Starts the process, in a session of its own so that Ctrl-C in a terminal reaches its parent only. */
  constructor(options: GuardedProcessOptions) {
    this.name = options.name;
    this.logPath = options.logPath;
    const log = options.logPath === null ? 'inherit' : openSync(options.logPath, 'w');
    const { command, args } = scheduled(options.command, options.args, options.scheduling);
    this.#child = spawn(command, args, {
      stdio: ['ignore', options.onLine === undefined ? log : 'pipe', log],
      env: createEnvironment(),
      detached: true,
    });
    if (log !== 'inherit') closeSync(log);
    const { pid, stdout } = this.#child;
    if (pid !== undefined) options.guard.add(pid);
    if (stdout !== null && options.onLine !== undefined) createInterface({ input: stdout }).on('line', options.onLine);
    this.ended = new Promise((resolve) => {
      const onEnd = (how: string): void => {
        this.#isEnded = true;
        if (pid !== undefined) options.guard.remove(pid);
        resolve(how);
      };
      this.#child.once('error', (error) => onEnd(error.message));
      this.#child.once('exit', (code, signal) => onEnd(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
  }

  /** Process number; 0 if it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether it has ended. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Sends a signal; false if the process has ended. */
  kill(signal: NodeJS.Signals): boolean {
    return !this.#isEnded && this.#child.kill(signal);
  }

  /** SIGTERM, a bounded wait, SIGKILL. Resolves when the process has ended. */
  async stop(): Promise<void> {
    if (this.#isEnded) return;
    this.kill('SIGTERM');
    // A process that was halted hears nothing until it goes on.
    this.kill('SIGCONT');
    const timer = setTimeout(() => this.kill('SIGKILL'), GRACE_MS);
    await this.ended;
    clearTimeout(timer);
  }

  /** The last lines of its log, for error messages; empty if it has none, or has none any more. */
  tail(): string {
    // Its directory goes when the cluster is stopped, and somebody may still be waiting for a process that never came up.
    if (this.logPath === null || !existsSync(this.logPath)) return '';
    const lines = readFileSync(this.logPath, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES);
    return lines.map((line) => `    ${line}`).join('\n');
  }
}

/** The parent's environment without settings of services: those come from flags alone. */
function createEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CURPHO_')));
}
