// The witness as a process. Everything it does is in service.ts and in protocol/witness.

import { runProgram } from '../host/program.js';
import { openWitness } from './service.js';
import { witnessProgram } from './settings.js';

await runProgram(witnessProgram, openWitness);
