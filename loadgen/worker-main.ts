// A client process of the load generator: the SDK, driven by the parent over IPC. Not meant to be started by hand.

import { connect } from '../client/index.js';
import { serveWorker } from './worker-host.js';

serveWorker(connect);
