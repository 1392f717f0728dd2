// `npm run chaos` as a function: arguments in, exit code out. Draws the schedule, has the run carried out and judged, says
// what came out, and keeps what it takes to look into a run that went wrong.

import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChildGuard } from '../../deploy/child-guard.js';
import { GuardedProcess } from '../../deploy/child-process.js';
import { UsageError } from '../../loadgen/flag-values.js';
import { ExitCode } from '../../loadgen/outcome/result.js';
import { CHAOS_HELP, type ChaosCommand, type ChaosPlan, describeCommand, parseChaosFlags } from './chaos-flags.js';
import { describeVerdict } from './chaos-report.js';
import { runChaos, StartError } from './chaos-run.js';
import { type ChaosVerdict, RUN_FILES, type RunRecord } from './judge.js';
import { describePlanned, drawSchedule } from './schedule.js';

/** Where the command reads and writes. */
export interface ChaosDoors {
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown };
  /** Aborted: the run ends at once and is not judged. */
  signal: AbortSignal;
}

const JUDGE = fileURLToPath(new URL('./judge-main.js', import.meta.url));
const JUDGE_HEAP_MIB = 4096;
/** Below these shares of the intended operations the cluster was hardly under load. */
const SENT_SHARE_MIN = 0.5;
const ANSWERED_SHARE_MIN = 0.3;

/** Runs one command line, without the program's name. Never rejects for what a cluster does. */
export async function runChaosCommand(args: readonly string[], doors: ChaosDoors): Promise<number> {
  let command: ChaosCommand;
  try {
    command = parseChaosFlags(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    doors.stderr.write(`chaos: ${error.message}; --help lists the flags\n`);
    return ExitCode.badUsage;
  }
  if (command.kind === 'help') {
    doors.stdout.write(CHAOS_HELP);
    return ExitCode.passed;
  }
  if (command.kind === 'judge') return judgeSaved(command.directory, command.json, doors);
  return runAndJudge(command.plan, command.json, doors);
}

async function judgeSaved(directory: string, asJson: boolean, doors: ChaosDoors): Promise<number> {
  if (!existsSync(path.join(directory, RUN_FILES.run))) {
    doors.stderr.write(`chaos: --judge: ${directory} holds no ${RUN_FILES.run}\n`);
    return ExitCode.badUsage;
  }
  return tell(await judge(directory), asJson, doors);
}

async function runAndJudge(plan: ChaosPlan, asJson: boolean, doors: ChaosDoors): Promise<number> {
  const { seed } = plan;
  const schedule = drawSchedule(plan);
  const directory = path.resolve(plan.out ?? path.join('results', `chaos-${seed}`));
  const log = (line: string): void => void doors.stderr.write(`chaos: ${line}\n`);
  log(`${schedule.length} faults of seed ${seed}; each waits until the cluster has recovered from the one before`);
  for (const fault of schedule) log(`  ${describePlanned(fault)}`);
  let run: RunRecord;
  try {
    // What an earlier run left there would be taken for this one's.
    for (const name of Object.values(RUN_FILES)) rmSync(path.join(directory, name), { force: true });
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, 'schedule.json'), JSON.stringify({ plan, schedule }, null, 2));
    run = await runChaos(plan, schedule, { directory, signal: doors.signal, onLog: log });
  } catch (error) {
    if (doors.signal.aborted) return ExitCode.interrupted;
    log(`${error instanceof Error ? error.message : String(error)}; logs are in ${directory}`);
    return error instanceof StartError ? ExitCode.unreachable : ExitCode.notValid;
  }
  if (doors.signal.aborted) return ExitCode.interrupted;
  if (plan.history !== null) copyFileSync(path.join(directory, RUN_FILES.history), plan.history);
  log('judging what clients saw');
  const verdict = await judge(directory);
  const code = tell(verdict, asJson, doors);
  if (code === ExitCode.dataWrong) {
    log(`everything is in ${directory}; to judge it again, to judge its history alone, to repeat the run:`);
    log(`  npm run chaos -- --judge ${directory}`);
    log(`  npm run verify -- ${path.join(directory, RUN_FILES.history)}`);
    log(`  ${describeCommand(plan)}`);
    return code;
  }
  if (!isDriven(run)) {
    const { intended, dropped, answered } = run.counts;
    log(`the load was not driven: of ${intended} operations ${dropped} were not sent and ${answered} answered`);
    return ExitCode.notValid;
  }
  if (plan.out === null) rmSync(directory, { recursive: true, force: true });
  return code;
}

function isDriven({ counts: { intended, dropped, answered } }: RunRecord): boolean {
  return intended - dropped >= SENT_SHARE_MIN * intended && answered >= ANSWERED_SHARE_MIN * intended && intended > 0;
}

function tell(verdict: ChaosVerdict, asJson: boolean, { stdout }: ChaosDoors): number {
  stdout.write(asJson ? `${JSON.stringify(verdict)}\n` : describeVerdict(verdict));
  return verdict.violations > 0 ? ExitCode.dataWrong : ExitCode.passed;
}

/** Has a run judged by a process of its own. @throws Error with what that said, if it could not. */
async function judge(directory: string): Promise<ChaosVerdict> {
  const guard = new ChildGuard('');
  try {
    const lines: string[] = [];
    const judging = new GuardedProcess({
      ...{ name: 'judge', command: process.execPath, guard, scheduling: 'normal' },
      args: [`--max-old-space-size=${JUDGE_HEAP_MIB}`, JUDGE, directory],
      logPath: path.join(directory, 'judge.log'),
      onLine: (line) => lines.push(line),
    });
    const how = await judging.ended;
    const [line] = lines;
    if (line === undefined) throw new Error(`the run in ${directory} could not be judged: ${how}\n${judging.tail()}`);
    return JSON.parse(line);
  } finally {
    await guard.release();
  }
}
