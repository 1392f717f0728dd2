// The coordinator as a process. Everything it does is in service.ts and in protocol/coordinator.

import { runProgram } from '../host/program.js';
import { openCoordinator } from './service.js';
import { coordinatorProgram } from './settings.js';

await runProgram(coordinatorProgram, openCoordinator);
