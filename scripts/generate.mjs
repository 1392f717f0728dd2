// Generates proto/gen from the message definitions: buf and ts-proto, and one change to what they write. A generated
// message gives every bytes field an empty array of its own before it decodes into it, and a typed array costs some
// 150 ns to make, as much as decoding the field; here all of them share one, which nobody can change because it is empty.
// Usage: npm run generate

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { collect, root } from './process.mjs';

const EMPTY = 'new Uint8Array(0)';
const SHARED = 'const NO_BYTES: Uint8Array = new Uint8Array(0);';

/** Generates below `folder`. Answers what the tools complained about; empty if nothing. */
export async function generateInto(folder) {
  const { code, output } = await collect('buf', ['generate', '-o', folder]);
  if (code !== 0) return output || `buf generate ended with code ${code}`;
  const generated = path.join(folder, 'proto', 'gen');
  for (const entry of readdirSync(generated, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    writeFileSync(file, shareEmptyBytes(readFileSync(file, 'utf8')));
  }
  return '';
}

function shareEmptyBytes(source) {
  if (!source.includes(EMPTY)) return source;
  const shared = source.replaceAll(EMPTY, 'NO_BYTES');
  // Behind the line that names the package, which follows the imports.
  return shared.replace(/^(export const protobufPackage = .*)$/m, `$1\n\n${SHARED}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const complaints = await generateInto(root);
  if (complaints !== '') console.error(complaints.trimEnd());
  process.exitCode = complaints === '' ? 0 : 1;
}
