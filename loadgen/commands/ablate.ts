// `loadgen ablate`: flags to a plan, the plan carried out, the result saved and shown. What is turned and what a difference
// is, is decided in ablate/.

import type { Command } from 'commander';
import { ABLATION_WARMUP, parseAblation, type RawAblationFlags, REPETITIONS_DEFAULT } from '../ablate/ablation-plan.js';
import { exitCodeOfAblation } from '../ablate/ablation-result.js';
import { describeAblation } from '../ablate/describe-ablation.js';
import { FACTORS } from '../ablate/factors.js';
import { runAblation } from '../ablate/run-ablation.js';
import { type AblationFiles, toDocument, writeAblation } from '../ablate/write-ablation.js';
import { WORKER_ENTRY } from '../driver/worker-pool.js';
import { parseOutput } from '../plan.js';
import { renderTerminal } from '../report/table.js';
import { type CliDoors, EXIT_CODES, type Finish } from './doors.js';
import { prepareDirectory } from './output-places.js';

type RawFlags = RawAblationFlags & { out?: string; json?: boolean };

const NAME_WIDTH = Math.max(...FACTORS.map(({ name }) => name.length)) + 2;

const HELP = `
Factors and their levels, the baseline first (--levels sets others):
${FACTORS.map(({ name, about, levels }) => `  ${name.padEnd(NAME_WIDTH)}${levels.join(', ')}\n  ${''.padEnd(NAME_WIDTH)}  ${about}`).join('\n')}

One factor is turned at a time, everything else stays as in the study at 16 streams. Every run starts a cluster of its
own. The levels of a factor take turns; every repetition has a run of each, and each level is held against the baseline of
the same repetition. The change is given with an interval of 90 % over the repetitions, and called a difference only where
that excludes no change. With fewer than 3 repetitions there is no interval: everything is undecided.

A run takes its warm-up, its window and some 5 seconds for its cluster. All factors take about half an hour, the first
example below about 6 minutes. After an interrupt (^C) what was measured until then is reported.

Examples:
  loadgen ablate --factors batch-delay,ack-transport,descriptor-limit --json
  loadgen ablate --factors shards --repetitions 10             narrower intervals
  loadgen ablate --factors batch-delay --levels batch-delay=0,20,500
  loadgen ablate --factors pendings,weak-ratio --levels pendings=10,40 --levels weak-ratio=0.5,1
  loadgen ablate --factors descriptor-limit --threads 32       where the limit is reached
  loadgen ablate --factors run-length --levels run-length=5s,30s,1s-cold
`;

/** Adds the command to the program. */
export function addAblateCommand(program: Command, doors: CliDoors, finish: Finish): void {
  program
    .command('ablate')
    .description('turn one setting at a time and tell what it does, with intervals')
    .optionsGroup('What is turned:')
    .option('--factors <names>', 'list of factors, see below (default all)')
    .option('--levels <factor=a,b,…>', 'levels of one factor, the baseline first; may be given repeatedly', collect)
    .option('--repetitions <n>', `runs of every level (default ${REPETITIONS_DEFAULT})`)
    .optionsGroup('What stays:')
    .option('--clients <n>', 'client processes (default 2)')
    .option('--threads <n>', 'sessions per process (default 8)')
    .option('--duration <time>', 'length of the measuring window of a run (default 5s)')
    .option('--warmup <time>', `load before the window, in every run (default ${ABLATION_WARMUP})`)
    .option('--keys <n>', 'number of keys (default 1000000)')
    .option('--seed <n>', 'of the first repetition, the next ones count on (default 1)')
    .option('--scheduling <policy>', 'batch or normal, for every process started here (default batch)')
    .optionsGroup('Results:')
    .option('--out <directory>', 'where ablation.json, report.html and report.md go (default results/<time>)')
    .option('--json', 'print one JSON document instead of the tables')
    .addHelpText('after', HELP + EXIT_CODES)
    .action(async (flags: RawFlags) => finish(await ablate(flags, doors)));
}

/** A flag that may be given repeatedly. */
function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

async function ablate({ out: outFlag, json, ...flags }: RawFlags, doors: CliDoors): Promise<number> {
  const plan = parseAblation(flags);
  const { out } = parseOutput(outFlag === undefined ? {} : { out: outFlag }, new Date());
  prepareDirectory(out);
  const { stdout, stderr, signal, workerEntry = WORKER_ENTRY } = doors;
  const result = await runAblation(plan, { stderr, signal, workerEntry });
  const files = describeFiles(writeAblation(result, out));
  if (json === true) {
    stdout.write(toDocument(result));
    stderr.write(files);
  } else {
    stdout.write(`${renderTerminal(describeAblation(result, { hasPlots: true }))}\n\n${files}`);
  }
  return exitCodeOfAblation(result);
}

/** One line per file, each with a newline. */
function describeFiles({ html, markdown, document }: AblationFiles): string {
  return `report   ${html}\n         ${markdown}\nresult   ${document}\n`;
}
