// The rules of the fast path, held against traces: what is right passes, and one altered attribute is found by its rule.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../checkers/main.js', import.meta.url));
type Values = Record<string, string | number | boolean>;

/** A span as one line of the file. */
function line(instance: string, name: string, traceId: string, attributes: Values): string {
  const list = Object.entries(attributes).map(([key, value]) => {
    const kind = typeof value === 'string' ? 'stringValue' : typeof value === 'number' ? 'intValue' : 'boolValue';
    return { key: `curpho.${key}`, value: { [kind]: value } };
  });
  const parentSpanId = instance === 'client' ? undefined : 'aa';
  const resource = { attributes: [{ key: 'service.instance.id', value: { stringValue: instance } }] };
  const spans = [{ traceId, parentSpanId, name, attributes: list }];
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
}

/** A fast write and a fast read of an uncommitted weak write; `altered` goes over one span's attributes. */
function traces(of = '', altered: Values = {}): string {
  const span = (instance: string, name: string, trace: string, attributes: Values): string =>
    line(instance, name, trace, of === `${instance} ${name}` ? { ...attributes, ...altered } : attributes);
  const read = { epoch: 2, 'read.barrier': 4, 'read.from': '7#4', committed: false };
  const lines = [
    span('client', 'put strong', 'w', { path: 'fast', epoch: 2, 'command.seq': 4 }),
    span('r0', 'leader.propose', 'w', { epoch: 2, 'leader.ok': true }),
    span('client', 'get strong', 'r', { path: 'fast', epoch: 2 }),
    span('r0', 'leader.read', 'r', { ...read, 'leader.conflict': false, pending: '7#4' }),
  ];
  for (const witness of ['w0', 'w1', 'w2']) {
    const told = { epoch: 2, 'witness.incarnation': 1, 'witness.watermark': 4 };
    lines.push(span(witness, 'witness.record', 'w', { ...told, 'witness.status': 'accepted' }));
    lines.push(span(witness, 'witness.check', 'r', { ...told, pending: '7#4' }));
  }
  return `${lines.join('\n')}\n`;
}

describe('verify --traces', () => {
  let directory = '';
  before(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-verify-'));
  });
  after(() => rmSync(directory, { recursive: true }));

  function run(text: string): { status: number | null; broken: string[] } {
    const file = path.join(directory, 'traces.jsonl');
    writeFileSync(file, text);
    const { status, stdout } = spawnSync(process.execPath, [MAIN, '--traces', file, '--json'], { encoding: 'utf8' });
    const verdicts: { rule: string; verdict: string }[] = status === 2 ? [] : JSON.parse(stdout).verdicts;
    return { status, broken: verdicts.filter(({ verdict }) => verdict !== 'ok').map(({ rule }) => rule) };
  }

  it('exits with 0 where every decision was right', () => {
    assert.deepEqual(run(traces()), { status: 0, broken: [] });
  });

  const cases: [string, string, Values][] = [
    ['A1', 'w1 witness.record', { epoch: 1 }],
    ['A1', 'w1 witness.check', { 'witness.incarnation': 9 }],
    ['A2', 'r0 leader.propose', { 'leader.ok': false }],
    ['A2', 'r0 leader.read', { 'leader.conflict': true }],
    ['A3', 'w2 witness.check', { pending: '' }],
    ['A4', 'w0 witness.record', { 'witness.status': 'conflict' }],
    ['A5', 'w1 witness.check', { pending: '7#4,8#1' }],
    ['A6', 'w2 witness.record', { 'witness.watermark': 3 }],
  ];
  for (const [rule, span, altered] of cases) {
    it(`${rule}: exits with 5 where ${span} has ${JSON.stringify(altered)}`, () => {
      assert.deepEqual(run(traces(span, altered)), { status: 5, broken: [rule] });
    });
  }

  it('A6: exits with 4 where a witness did not say that it covers a read', () => {
    assert.deepEqual(run(traces('w0 witness.check', { 'witness.watermark': 3 })), { status: 4, broken: ['A6'] });
  });

  it('exits with 2 where the file holds no traces', () => {
    assert.equal(run('{"op":"get"}\n').status, 2);
  });
});
