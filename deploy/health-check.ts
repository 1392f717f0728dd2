// The health client of the container image: asks the standard gRPC health service on this machine once. Ends with 0 if
// it says SERVING, with 1 if it says anything else or nothing within 3 s, with 2 if it was not told whom to ask. Knows
// nothing of roles; that a node is healthy means what its health service says it means.

import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { service as health } from 'grpc-health-check';

const ANSWER_MS = 3000;

/** Where to ask: what the first argument or else the service's own setting says, on this machine. */
function findAddress(): string {
  const listen = process.argv[2] ?? process.env.CURPHO_LISTEN ?? '';
  const port = /:(\d{1,5})$/.exec(listen)?.[1];
  if (port === undefined) {
    process.stderr.write('usage: health-check <host:port>, or CURPHO_LISTEN=<host:port> in the environment\n');
    process.exit(2);
  }
  // A service that listens on every address listens on loopback as well.
  return listen.replace(/^(?:0\.0\.0\.0|\[::\])?:/, '127.0.0.1:');
}

function askHealth(address: string): Promise<string> {
  const client = new Client(address, credentials.createInsecure());
  const { Check: check } = health;
  if (check === undefined) throw new Error('grpc-health-check no longer describes the method Check');
  return new Promise((resolve) => {
    const { path, requestSerialize, responseDeserialize } = check;
    const options = { deadline: Date.now() + ANSWER_MS };
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { service: '' },
      new Metadata(),
      options,
      (error, answer) => {
        client.close();
        resolve(error?.message ?? (answer !== undefined && 'status' in answer ? String(answer.status) : 'no status'));
      },
    );
  });
}

const address = findAddress();
const answer = await askHealth(address);
// Docker keeps the last lines of a probe: `docker inspect` shows why a container is unhealthy.
process.stdout.write(`${address}: ${answer}\n`);
process.exitCode = answer === 'SERVING' ? 0 : 1;
