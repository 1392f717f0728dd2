// `loadgen report DIR`: makes the report of a saved result again. Measures nothing; what a report says is decided in
// report/.

import type { Command } from 'commander';
import { ExitCode } from '../outcome/result.js';
import { composeReport } from '../report/content.js';
import { renderTerminal } from '../report/table.js';
import { writeReport } from '../report/write-report.js';
import { type CliDoors, EXIT_CODES, type Finish } from './doors.js';
import { describeFiles } from './result-files.js';
import { openSavedResult, resultDirectory } from './saved-result.js';

const HELP = `
Writes report.html, report.md and the pictures beside result.json once more and prints the tables: after an update of
the program, or to hold the result against another one.

Examples:
  loadgen report results/2030-01-01T12-00-00
  loadgen report results/2030-01-02T12-00-00 --baseline results/2030-01-01T12-00-00
`;

/** Adds the command to the program. */
export function addReportCommand(program: Command, { stdout }: CliDoors, finish: Finish): void {
  program
    .command('report <directory>')
    .description('make the report of a saved result again')
    .option('--baseline <directory>', 'an earlier result to compare with')
    .addHelpText('after', HELP + EXIT_CODES)
    .action(async (place: string, flags: { baseline?: string }) => {
      const result = openSavedResult(place, 'report');
      const baseline = flags.baseline === undefined ? null : openSavedResult(flags.baseline, '--baseline');
      const out = resultDirectory(place);
      const files = await writeReport(result, { baseline, out });
      stdout.write(`${renderTerminal(composeReport(result, baseline))}\n\n${describeFiles(files, result, out)}`);
      finish(ExitCode.passed);
    });
}
