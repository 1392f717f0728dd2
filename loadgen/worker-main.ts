// A load process: the SDK, driven over gRPC. `node dist/loadgen/worker-main.js --help` tells how to start one by hand;
// without `--workers` the load generator starts its own.

import { connect } from '../client/index.js';
import { serveWorker } from './worker/worker-program.js';

await serveWorker(connect);
