// The replica as a process. Everything it does is in service.ts and in protocol/replica.

import { runProgram } from '../host/program.js';
import { openReplica } from './service.js';
import { replicaProgram } from './settings.js';

await runProgram(replicaProgram, openReplica);
