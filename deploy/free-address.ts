// Finds loopback addresses for processes that must know theirs before they start. Not a reservation: ports lie below
// those that the operating system hands out by itself, so that hardly anybody else asks for them meanwhile.

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const PORT_FIRST = 12_000;
const PORT_END = 32_000;
const TRIES = 50;

/**
 * A loopback address, host:port, on which nobody listens at the moment.
 * @throws Error if none was found.
 */
export async function findFreeAddress(): Promise<string> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const port = randomInt(PORT_FIRST, PORT_END);
    if (await isFree(port)) return `127.0.0.1:${port}`;
  }
  throw new Error(`no free port was found between ${PORT_FIRST} and ${PORT_END} in ${TRIES} tries`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
