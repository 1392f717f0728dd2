// The tidy rules against made-up sources: each must catch what it is for and leave the look-alikes alone. The import
// scanner is also held against a real lexer on the project's own compiled files.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { init, parse } from 'es-module-lexer';
import { findCycles, findLayerViolations } from './tidy/layer-rules.js';
import { findRoot, listFiles } from './tidy/project-files.js';
import { blankLiterals, findFunctions, scanSource } from './tidy/scan-source.js';
import { findBanned, findHeadless, findLeftovers, findMisnamed, findOversized } from './tidy/style-rules.js';

const declared = { runtime: new Set(['@grpc/grpc-js', 'pino']), development: new Set(['mocha', 'fast-check']) };

function importing(file: string, ...specifiers: string[]): string[] {
  const text = specifiers.map((specifier) => `import type { A } from '${specifier}';`).join('\n');
  return findLayerViolations([scanSource({ path: file, text })], declared);
}

function banned(file: string, text: string): string[] {
  return findBanned(scanSource({ path: file, text }));
}

function functionLines(text: string): number[] {
  return findFunctions(scanSource({ path: 'client/a.ts', text })).map((span) => span.lines);
}

describe('tidy rules: scanning', () => {
  it('blanks comments, strings, templates and regular expressions, and nothing else', () => {
    const cases: [string, string][] = [
      ["a = 'x\\'y'; // b", "a = '    ';     "],
      ['a /* b */ c', 'a         c'],
      ['a = `b@{c + `d`}e`;', 'a = `  {c + ` `} `;'],
      ['a = `b@{{ c: 1 }}d`;', 'a = `  {{ c: 1 }} `;'],
      ['a.replace(/[/"]x/g, b)', 'a.replace(/     /g, b)'],
      ['a = b / c / d;', 'a = b / c / d;'],
      ["if (/'/.test(a)) b('c');", "if (/ /.test(a)) b(' ');"],
    ];
    // The sign of a substitution is put in here, because linters take it in a plain string for a mistake.
    for (const [text, code] of cases) assert.equal(blankLiterals(text.replaceAll('@', '$')), code);
  });

  it('finds every form of import', () => {
    const text = [
      "import a from 'a';",
      "import type { B } from './b.js';",
      "import {\n  c,\n  d as e,\n} from './c.js';",
      "import 'side-effect';",
      "export { f } from './f.js';",
      "export * from './g.js';",
      "type H = import('./h.js').H;",
      "const i = await import('./i.js');",
      "// import j from './j.js';",
      'const k = "import l from \'./l.js\'";',
      "export const m = 'from';",
    ].join('\n');
    const found = scanSource({ path: 'client/a.ts', text }).imports;
    const names = ['a', './b.js', './c.js', 'side-effect', './f.js', './g.js', './h.js', './i.js'];
    assert.deepEqual(
      found.map(({ specifier }) => specifier),
      names,
    );
    assert.deepEqual(
      found.map(({ line }) => line),
      [1, 2, 6, 7, 8, 9, 10, 11],
    );
  });

  it('finds the imports that a real lexer finds', async () => {
    await init;
    const folder = findRoot();
    const files = listFiles(folder).filter((file) => /\.(?:ts|mjs)$/.test(file));
    assert.ok(files.length > 20);
    for (const file of files) {
      const text = readFileSync(path.join(folder, file), 'utf8');
      const expected = parse(text)[0].flatMap(({ specifier }) => (typeof specifier === 'string' ? [specifier] : []));
      const found = scanSource({ path: file, text }).imports.map(({ specifier }) => specifier);
      assert.deepEqual(found.sort(), expected.sort(), file);
    }
  });

  it('measures functions of every form', () => {
    assert.deepEqual(functionLines('function a(\n  b: number,\n): void {\n  b;\n}'), [5]);
    assert.deepEqual(functionLines('class A {\n  a(): { b: number } {\n    return { b: 1 };\n  }\n}'), [3]);
    assert.deepEqual(functionLines('const a = async (b: Map<string, number>): Promise<void> => {\n  b;\n};'), [3]);
    assert.deepEqual(functionLines('const a = (b) => {\n  if (b) {\n    c();\n  }\n};'), [5]);
    assert.deepEqual(functionLines('const a = b => {\n};'), [2]);
    assert.deepEqual(functionLines('for (const a of b()) {\n}\nwhile (c()) {\n}\nswitch (d) {\n}'), []);
    assert.deepEqual(functionLines("describe('a', () => {\n  it('b', () => {\n  });\n});"), [2]);
    assert.deepEqual(functionLines("describe('a', function () {\n  it('b', () => {\n  });\n});"), [2]);
    assert.deepEqual(functionLines('interface A {\n  b(): void;\n}\ntype C = {\n  d: number;\n};'), []);
  });
});

describe('tidy rules: layers', () => {
  it('the rules import nothing outside themselves', () => {
    assert.deepEqual(importing('protocol/replica/log.ts', '../messages.js', '../session/a.js'), []);
    for (const foreign of ['../../proto/codec.js', '../../client/types.js', 'pino', 'node:fs']) {
      assert.match(importing('protocol/replica/log.ts', foreign).join(), /log\.ts:1 imports .*: the rules are pure/);
    }
  });

  it('a role imports the host and its own rules, never another role', () => {
    const own = [
      '../host/loop.js',
      '../../protocol/replica/core.js',
      '../../protocol/limits.js',
      '../../proto/codec.js',
    ];
    assert.deepEqual(importing('services/replica/service.ts', ...own, './main.js', 'pino', 'node:fs'), []);
    assert.equal(importing('services/replica/service.ts', '../witness/service.js').length, 1);
    assert.equal(importing('services/replica/service.ts', '../../protocol/witness/core.js').length, 1);
    assert.equal(importing('services/witness/service.ts', '../../protocol/replica/core.js').length, 1);
    assert.equal(importing('services/host/loop.ts', '../replica/service.js').length, 1);
    assert.equal(importing('services/host/loop.ts', '../../protocol/replica/core.js').length, 1);
  });

  it('the SDK knows no service, and the load generator knows the SDK', () => {
    assert.deepEqual(importing('client/a.ts', '../protocol/session/core.js', '../protocol/core.js', './b.js'), []);
    assert.equal(importing('client/a.ts', '../services/host/loop.js').length, 1);
    assert.equal(importing('client/a.ts', '../protocol/replica/core.js').length, 1);
    assert.deepEqual(importing('loadgen/run/a.ts', '../../client/index.js', '../../deploy/local-cluster.js'), []);
    assert.equal(importing('loadgen/a.ts', '../deploy/main.js').length, 1);
    assert.equal(importing('loadgen/a.ts', '../protocol/session/core.js').length, 1);
  });

  it('the wire knows the messages; tests import anything', () => {
    assert.deepEqual(importing('proto/codec.ts', '../protocol/messages.js', './gen/curpho/v1/types.js'), []);
    assert.equal(importing('proto/codec.ts', '../client/types.js').length, 1);
    assert.deepEqual(importing('test/e2e/a.ts', '../../services/replica/service.js', 'mocha'), []);
  });

  it('a new room has to be entered in the table, and files are named as Node finds them', () => {
    assert.match(importing('attic/a.ts', './b.js').join(), /not in the table/);
    assert.match(importing('client/a.ts', './b').join(), /end in \.js/);
  });

  it('packages are declared, and the product needs none that only tests have', () => {
    assert.deepEqual(importing('client/a.ts', '@grpc/grpc-js', '@grpc/grpc-js/build/a.js'), []);
    assert.match(importing('client/a.ts', 'left-pad').join(), /package\.json does not declare it/);
    assert.match(importing('client/a.ts', 'fast-check').join(), /development dependency/);
  });

  it('circles are found once, also through types', () => {
    const files = { a: './b.js', b: './c.js', c: './a.js', d: './a.js' };
    const sources = Object.entries(files).map(([name, target]) =>
      scanSource({ path: `client/${name}.ts`, text: `import type { X } from '${target}';` }),
    );
    const cycles = findCycles(sources);
    assert.equal(cycles.length, 1);
    assert.match(cycles[0] ?? '', /^client\/a\.ts → client\/b\.ts → client\/c\.ts → client\/a\.ts: /);
    assert.deepEqual(findCycles(sources.slice(1)), []);
  });
});

describe('tidy rules: bans', () => {
  const bannedInProtocol: Record<string, RegExp> = {
    'const a = new Date();': /nowUs/,
    'const a = performance.now();': /nowUs/,
    'const a = process.hrtime.bigint();': /nowUs/,
    'setTimeout(a, 1);': /waiting is an input/,
    'queueMicrotask(a);': /waiting is an input/,
    'async function a() {}': /one call that returns/,
    'function a(): Promise<void> {}': /one call that returns/,
    'const a = Math.random();': /repeatable/,
    'const a = crypto.randomUUID();': /repeatable/,
    'const a = process.env.A;': /no world/,
    'console.log(1);': /no world/,
    'const a = b.localeCompare(c);': /same on every machine/,
    'const a = b.toLocaleString();': /same on every machine/,
    'let a = 0;': /shared by all cores/,
    'export let a = 0;': /shared by all cores/,
    'const a = new Map<string, number>();': /shared by all cores/,
    'export const a: Set<string> = new Set();': /shared by all cores/,
    'const a: string[] = [];': /shared by all cores/,
  };

  for (const [text, reason] of Object.entries(bannedInProtocol)) {
    it(`protocol/ must not say ${text}`, () => {
      assert.match(banned('protocol/a.ts', text)[0] ?? '', reason);
      assert.deepEqual(banned('client/a.ts', text), []);
    });
  }

  it('look-alikes are fine', () => {
    const fine = [
      "const a: ReadonlyMap<string, number> = new Map([['a', 1]]);",
      'export const NONE: readonly string[] = [];',
      '// The Date of a Promise is in the console of no process.',
      "const a = 'await Math.random()';",
      'function a() {\n  let b = 0;\n  const c = new Map();\n}',
      'this.process(a);',
      'const processed = upDated;',
      'const a = [1, 2];',
    ];
    for (const text of fine) assert.deepEqual(banned('protocol/a.ts', text), [], text);
  });

  it('no source has an enum, an any or a cast through unknown', () => {
    assert.equal(banned('client/a.ts', 'export enum A { b }').length, 1);
    assert.equal(banned('client/a.ts', 'const enum A { b }').length, 1);
    for (const text of ['let a: any;', 'f(a as any);', 'const a: Map<string, any> = b;', 'let a: string | any;']) {
      assert.equal(banned('client/a.ts', text).length, text.includes('Map') ? 0 : 1, text);
    }
    assert.equal(banned('client/a.ts', 'const a = b as unknown as C;').length, 1);
    assert.deepEqual(banned('client/a.ts', 'const a = b as unknown; // any company'), []);
  });

  it('no test is singled out or left out', () => {
    for (const text of ["it.only('a', b);", "describe.skip('a', b);", "xit('a', b);", 'this.skip();']) {
      assert.equal(banned('test/unit/a.test.ts', text).length, 1, text);
    }
    assert.deepEqual(banned('test/unit/a.test.ts', 'reader.skip(3);'), []);
  });
});

describe('tidy rules: sizes, heads, names, leftovers', () => {
  const oversized = (file: string, lines: number, line = 'a();') =>
    findOversized(scanSource({ path: file, text: `${line}\n`.repeat(lines) }));

  it('files have at most 600 lines, mains 80', () => {
    assert.deepEqual(oversized('client/a.ts', 600), []);
    assert.match(oversized('client/a.ts', 601).join(), /601 lines, more than 600/);
    assert.deepEqual(oversized('loadgen/main.ts', 80), []);
    assert.match(oversized('loadgen/main.ts', 81).join(), /81 lines, more than 80/);
  });

  it('functions have at most 70 lines', () => {
    const source = (lines: number) => `// A.\n\nfunction a(): void {\n${'  b();\n'.repeat(lines - 2)}}\n`;
    const check = (lines: number) => findOversized(scanSource({ path: 'client/a.ts', text: source(lines) }));
    assert.deepEqual(check(70), []);
    assert.match(check(71).join(), /a\.ts:3 a function has 71 lines, more than 70/);
  });

  it('a file begins with one to six lines that say what it is for', () => {
    assert.deepEqual(findHeadless({ path: 'a.ts', text: '// A.\nb();' }), []);
    assert.deepEqual(findHeadless({ path: 'a.mjs', text: '#!/usr/bin/env node\n// A.\nb();' }), []);
    assert.match(findHeadless({ path: 'a.ts', text: "import 'b';" }).join(), /no head comment/);
    assert.match(findHeadless({ path: 'a.ts', text: '// A.\n'.repeat(7) }).join(), /7 lines of head comment/);
  });

  it('names are kebab-case and say something', () => {
    for (const name of ['key-index.ts', 'key-index.test.ts', 'a2.ts', 'run.mjs']) {
      assert.deepEqual(findMisnamed({ path: `client/${name}`, text: '' }), []);
    }
    for (const name of [
      'keyIndex.ts',
      'KeyIndex.ts',
      'key_index.ts',
      'utils.ts',
      'string-helpers.ts',
      'lock-manager.ts',
    ]) {
      assert.equal(findMisnamed({ path: `client/${name}`, text: '' }).length, 1, name);
    }
    assert.equal(findMisnamed({ path: 'client/common/a.ts', text: '' }).length, 1);
  });

  it('no path of one machine, no registry, nothing unfinished', () => {
    const left = (text: string) => findLeftovers({ path: 'docs/A.md', text }).length;
    const slash = '/';
    const wrong = [
      `see ${slash}work/main`,
      `cd "${slash}root/a"`,
      `in ${slash}home/someone`,
      `https:${slash}/registry${'.'}npmjs.org/a`,
      `http:${slash}/debian-mirror.example`,
      `// TO${'DO'}: later`,
      `// @ts-${'ignore'}`,
    ];
    for (const text of wrong) assert.equal(left(text), 1, text);
    for (const text of ['home/node', '/home/node/app', 'a/work/b', 'network/root', 'the registry of services']) {
      assert.equal(left(text), 0, text);
    }
  });
});
