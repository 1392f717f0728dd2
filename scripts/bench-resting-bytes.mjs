// Decides how values rest in memory: a million 100-byte values under text keys, as typed arrays of their own, as slices
// of pooled buffers, and as one-byte strings. Run: node --expose-gc scripts/bench-resting-bytes.mjs
// Each form is measured in a process of its own, since memory that one form freed would flatter the next.
import { spawnSync } from 'node:child_process';

const KEYS = 1_000_000;
const FORMS = {
  'typed array': (source) => new Uint8Array(source),
  'pooled buffer': (source) => Buffer.from(source),
  'one-byte string': (source) => source.latin1Slice(),
};

const form = process.argv[2];
if (form === undefined) {
  for (const name of Object.keys(FORMS)) {
    spawnSync(process.execPath, ['--expose-gc', process.argv[1], name], { stdio: 'inherit' });
  }
} else {
  const rest = FORMS[form];
  const source = Buffer.alloc(100, 7);
  const versions = new Map();
  const startMs = performance.now();
  for (let i = 0; i < KEYS; i++) {
    versions.set(`key${String(i).padStart(10, '0')}`, { value: rest(source), slot: i, session: 3, seq: i });
  }
  const insertMs = performance.now() - startMs;
  for (let i = 0; i < KEYS; i++) {
    const key = `key${String((i * 7919) % KEYS).padStart(10, '0')}`;
    versions.set(key, { value: rest(source), slot: KEYS + i, session: 3, seq: i });
  }
  globalThis.gc?.();
  const residentMb = process.memoryUsage().rss / 1e6;
  console.log(
    `${form}: ${insertMs.toFixed(0)} ms to insert, ${residentMb.toFixed(0)} MB resident after as many overwrites`,
  );
}
