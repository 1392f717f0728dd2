// Completes package-lock.json after `npm install`: a registry that lacks the builds of a tool for other platforms makes
// npm leave them out, and then `npm ci` refuses the lock file everywhere. What a platform package says about itself is
// in its name. Run it as `node scripts/complete-lock.mjs`; it changes nothing if nothing is missing.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './process.mjs';

const SYSTEMS = ['android', 'darwin', 'linux', 'win32', 'freebsd', 'netbsd', 'openbsd', 'sunos', 'aix'];
const PROCESSORS = { aarch64: 'arm64', armv7: 'arm' };

const file = path.join(root, 'package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8'));
let added = 0;
for (const owner of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
    if (lock.packages[`node_modules/${name}`] !== undefined) continue;
    const words = name.slice(name.lastIndexOf('/') + 1).split('-');
    const at = words.findIndex((word) => SYSTEMS.includes(word));
    if (at === -1) throw new Error(`cannot tell the platform of ${name}`);
    const [system, processor, libc] = words.slice(at);
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [PROCESSORS[processor] ?? processor],
      ...(owner.dev ? { dev: true } : {}),
      ...(libc === 'musl' ? { libc: ['musl'] } : {}),
      optional: true,
      os: [system],
    };
    added++;
  }
}
if (added > 0) {
  const [self, ...others] = Object.entries(lock.packages);
  others.sort(([a], [b]) => (a < b ? -1 : 1));
  lock.packages = Object.fromEntries([self, ...others]);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(`${added} platform packages added to package-lock.json`);
