// Prints what the key index costs at a given number of keys: node scripts/bench-key-index.mjs [keys].
// Measures the built program, so run `npm run build` first.

import { KeyIndex } from '../dist/protocol/key-index.js';

const count = Number(process.argv[2] ?? 5_000_000);
if (!Number.isSafeInteger(count) || count < 1) {
  console.error('usage: node scripts/bench-key-index.mjs [keys]');
  process.exit(2);
}

/** One line: operations per second and microseconds each. */
function measure(name, operations, run) {
  const startedNs = process.hrtime.bigint();
  run();
  const us = Number(process.hrtime.bigint() - startedNs) / 1000;
  console.log(
    `${name.padEnd(28)} ${(operations / us).toFixed(2).padStart(8)} M/s ${(us / operations).toFixed(3).padStart(8)} us each`,
  );
}

/** A multiplier coprime to 2^32 scatters the numbers without repeating one. */
const keyOf = (n) => (Math.imul(n, 2654435761) >>> 0).toString(36).padStart(8, '0');
const ascending = Array.from({ length: count }, (_, n) => n.toString(36).padStart(8, '0'));
const random = Array.from({ length: count }, (_, n) => keyOf(n));

const first = new KeyIndex();
measure('ascending inserts', count, () => {
  for (const key of ascending) first.add(key);
});
const second = new KeyIndex();
measure('random inserts', count, () => {
  for (const key of random) second.add(key);
});
measure('random scans of 100', 10_000, () => {
  for (let i = 0; i < 10_000; i++) {
    let left = 100;
    second.forEach(random[(i * 7919) % count], '', () => --left > 0);
  }
});
measure('random deletes', count, () => {
  for (const key of random) second.delete(key);
});
if (first.size !== count || second.size !== 0) throw new Error(`sizes ${first.size} and ${second.size} are wrong`);
console.log(`${count} keys, ${Math.round(process.memoryUsage().heapUsed / 2 ** 20)} MiB of heap in use`);
