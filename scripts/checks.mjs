// The checks that need no running program: types, lint and format, the message definitions, and whether the generated
// code is what they generate. One line on standard output each; what a tool complained about goes to standard error.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { prepareBuild } from './build.mjs';
import { generateInto } from './generate.mjs';
import { collect, root } from './process.mjs';

/** A check answers what is wrong; the empty string means nothing. */
const CHECKS = {
  'types (tsc)': checkTypes,
  'lint and format (biome)': () => complaintsOf('biome', ['check', '--error-on-warnings', '.']),
  'message rules (buf lint)': () => complaintsOf('buf', ['lint']),
  'message format (buf format)': () => complaintsOf('buf', ['format', '--diff', '--exit-code']),
  'generated code is current (npm run generate)': checkGenerated,
};

/** Runs all checks, failed ones too, and counts. */
export async function runChecks() {
  const counts = { passed: 0, failed: 0 };
  for (const [name, check] of Object.entries(CHECKS)) {
    const startedAtMs = performance.now();
    const complaints = await check();
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
    console.log(`${complaints === '' ? 'passed' : 'FAILED'}  ${name}  ${seconds} s`);
    if (complaints !== '') process.stderr.write(`${complaints.trimEnd()}\n`);
    counts[complaints === '' ? 'passed' : 'failed']++;
  }
  return counts;
}

async function complaintsOf(command, args) {
  const { code, output } = await collect(command, args);
  return code === 0 ? '' : output || `${command} ended with code ${code}`;
}

async function checkTypes() {
  return (await prepareBuild()) ? '' : 'The compiler found errors, see above.';
}

async function checkGenerated() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'curpho-generate-'));
  try {
    const complaints = await generateInto(folder);
    if (complaints !== '') return complaints;
    const wanted = readFiles(path.join(folder, 'proto', 'gen'));
    const present = readFiles(path.join(root, 'proto', 'gen'));
    const names = new Set([...wanted.keys(), ...present.keys()]);
    const different = [...names].filter((name) => wanted.get(name) !== present.get(name));
    return different.length === 0 ? '' : `Run \`npm run generate\`; these differ in proto/gen: ${different.join(', ')}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Contents by path relative to `folder`. */
function readFiles(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return [path.relative(folder, file), readFileSync(file, 'utf8')];
    }),
  );
}
