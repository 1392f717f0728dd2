// A client process whose cluster cannot be reached.

import { ClientError } from '../../../../client/client-error.js';
import { serveWorker } from '../../../../loadgen/worker/worker-program.js';

await serveWorker(async ({ target }) => {
  throw new ClientError('UNREACHABLE', `nobody answers at ${target}`);
});
