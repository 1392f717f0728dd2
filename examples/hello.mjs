// The SDK in one page: connect, write and read strongly, write and read weakly, scan, go on in another session.
// Usage: node examples/hello.mjs <coordinator host:port>

import { ClientError, connect } from '../dist/client/index.js';

const target = process.argv[2];
if (target === undefined) {
  console.error('usage: node examples/hello.mjs <coordinator host:port>');
  process.exit(2);
}

const text = (bytes) => (bytes === null ? 'nothing' : new TextDecoder().decode(bytes));

const client = await connect({ target });
try {
  const session = await client.session();

  // Strong: linearizable. Whoever reads strongly from now on sees it.
  const stored = await session.put('greeting', 'hello');
  console.log(`strong put: ${stored.path} path, slot ${stored.slot}`);
  console.log(`strong get: ${text((await session.get('greeting')).value)}`);

  // Weak: causal, answered by the closest replica. Each level of safety can be awaited, or not.
  const note = session.put('note', 'written nearby', { consistency: 'weak' });
  await note.local;
  console.log(`weak get: ${text((await session.get('note', { consistency: 'weak' })).value)}`);
  await note.committed;
  console.log(`weak put: ${note.level}`);

  const swapped = await session.compareAndSet('greeting', 'hello', 'hello again');
  console.log(`compare-and-set: ${swapped.applied ? 'applied' : `found ${text(swapped.found)}`}`);

  const page = await session.scan({ start: 'g', end: 'z' });
  for (const { key, value } of page.entries) console.log(`scan: ${text(key)} = ${text(value)}`);

  // Another session, perhaps in another process, goes on where this one stands.
  const token = await session.exportToken();
  const later = await client.session({ token });
  console.log(`resumed: ${text((await later.get('note', { consistency: 'weak' })).value)}`);
} catch (error) {
  if (!(error instanceof ClientError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await client.close();
}
