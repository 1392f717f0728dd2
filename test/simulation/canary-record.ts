// Keeps the seeds that caught the canaries: writes canary-seeds.ts of the source tree that this program was built from.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CanaryReport } from './canaries.js';

const FILE = fileURLToPath(new URL('../../../test/simulation/canary-seeds.ts', import.meta.url));
const HEAD = `// For each canary a seed that caught it, so that the tests need not search. Written by \`simulate --canaries --record\`.

export const CANARY_SEEDS: Readonly<Record<string, number>> = {
`;

/** Writes the seeds of all canaries that were caught. */
export function recordSeeds(reports: readonly CanaryReport[]): void {
  const lines = reports.filter(({ caught }) => caught).map(({ name, seed }) => `  ${quote(name)}: ${seed},\n`);
  writeFileSync(FILE, `${HEAD}${lines.join('')}};\n`);
}

function quote(name: string): string {
  return `'${name.replaceAll("'", "\\'")}'`;
}
