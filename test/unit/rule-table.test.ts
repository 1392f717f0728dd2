// The table of rules in docs/PROTOCOL.md cannot rot: every rule has a row, and every row a test that names the rule.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** How many rules each letter has; R1, R3, R4 and R7 were never taken over. */
const COUNTS = { A: 10, B: 12, C: 8, D: 12, E: 13, F: 8, P: 9 };
const RULES = [
  ...Object.entries(COUNTS).flatMap(([letter, count]) =>
    Array.from({ length: count }, (_, at) => `${letter}${at + 1}`),
  ),
  ...['R2', 'R5', 'R6'],
];

interface Row {
  rule: string;
  guard: string;
  test: string;
  red: string;
}

function readTable(): Row[] {
  const text = readFileSync(path.join(ROOT, 'docs/PROTOCOL.md'), 'utf8');
  const [, section = ''] = text.split('\n## The rules and their tests\n');
  return section
    .split('\n')
    .filter((line) => /^\| [A-Z]\d+ \|/.test(line))
    .map((line) => {
      const [, rule = '', , guard = '', test = '', red = ''] = line.split('|').map((cell) => cell.trim());
      return { rule, guard, test: test.replaceAll('`', ''), red };
    });
}

/** Whether a source text names the rule within quotes, as titles do; comments do not count. */
function isNamedIn(source: string, rule: string): boolean {
  return source
    .split('\n')
    .some((line) => new RegExp(`['"\`][^'"\`]*\\b${rule}\\b`).test(line) && !/^\s*(\/\/|\*)/.test(line));
}

describe('the table of rules', () => {
  const rows = readTable();

  it('has one row for every rule', () => {
    assert.deepEqual(rows.map(({ rule }) => rule).sort(), [...RULES].sort());
  });

  it('names a guard and what was seen red for each', () => {
    for (const { rule, guard, red } of rows) assert.ok(guard !== '' && red !== '', rule);
  });

  it('names a test for each whose title has the rule', () => {
    const missing = rows.filter(({ rule, test }) => {
      const file = path.join(ROOT, 'test', `${test}.test.ts`);
      return !existsSync(file) || !isNamedIn(readFileSync(file, 'utf8'), rule);
    });
    assert.deepEqual(
      missing.map(({ rule, test }) => `${rule}: ${test}`),
      [],
    );
  });
});
