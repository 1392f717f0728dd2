// The program behind `npm run verify`.

import process from 'node:process';
import { runVerify } from './verify-command.js';

process.exitCode = runVerify(process.argv.slice(2));
