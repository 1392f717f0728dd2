// From time lines to what is said of them: merging, shares, coverage, findings.

import assert from 'node:assert/strict';
import { STAGES, type StageName } from '../../../attribution/stages.js';
import { attribute } from '../../../loadgen/outcome/attribution.js';
import { describeFindings } from '../../../loadgen/outcome/findings.js';
import { summarizePoint } from '../../../loadgen/outcome/point.js';
import { decodeTimeLines, TIME_LINE_COLUMNS, TimeLineRows } from '../../../loadgen/worker/time-lines.js';
import { samplePhase } from './sample-result.js';

/** Rows of operations that take as long as their stages and `hiddenUs` together. */
function rowsOf(stages: Partial<Record<StageName, number>>[], hiddenUs = 0): Uint8Array {
  const rows = new TimeLineRows();
  for (const each of stages) {
    const stagesUs = STAGES.map((name) => each[name] ?? 0);
    const latencyUs = stagesUs.reduce((sum, us) => sum + us, hiddenUs);
    rows.record('fast', latencyUs, { stagesUs, role: 'replica', node: 0 });
  }
  return rows.encode();
}

function repeat<T>(count: number, of: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => of(index));
}

describe('attribution', () => {
  it('covers what stages cover, and names the rest', () => {
    const whole = attribute([rowsOf(repeat(50, () => ({ 'request transit': 600, 'node step': 400 })))]);
    assert.equal(whole?.coverageAtMedian, 1);
    const hidden = attribute([
      rowsOf(
        repeat(50, () => ({ 'request transit': 600, 'node step': 400 })),
        1000,
      ),
    ]);
    assert.equal(hidden?.coverageAtMedian, 0.5);
    const last = hidden?.stages.at(-1);
    assert.deepEqual([last?.name, last?.p50Us, last?.shareOfMedian, last?.medianUs], ['unattributed', 1000, 0.5, 1000]);
  });

  it('merges the time lines of all processes, and tells the slowest from those around the median', () => {
    const usual = repeat(98, (at) => ({ 'client queue': 100 + at, 'answer transit': 900 }));
    const slow = [{ 'client queue': 100, 'node wait': 9900 }];
    const merged = attribute([rowsOf(usual.slice(0, 40)), rowsOf([...slow, ...usual.slice(40)]), new Uint8Array()]);
    assert.equal(merged?.operations, 99);
    const stage = (name: string) => merged?.stages.find((each) => each.name === name);
    assert.equal(stage('node wait')?.count, 1);
    assert.equal(stage('node wait')?.shareOfMedian, 0);
    assert.equal(stage('node wait')?.shareOfSlowest, 0.99);
    assert.ok(Math.abs((stage('answer transit')?.shareOfMedian ?? 0) - 0.86) < 0.01);
    assert.equal(attribute([]), null);
  });

  it('keeps a bounded number of time lines, each with the same chance', () => {
    let draws = 0;
    const rows = new TimeLineRows(() => (draws++ % 2 === 0 ? 0 : 0.999_999));
    const line = { stagesUs: STAGES.map(() => 1), role: 'witness' as const, node: 3 };
    for (let each = 0; each < 8194; each++) rows.record('slow', each, line);
    const kept = decodeTimeLines(rows.encode());
    assert.equal(kept.length, 8192);
    assert.deepEqual(
      [...(kept[0]?.subarray(0, 4) ?? [])],
      [1, 1, 3, 8192],
      'the first was replaced, the last left out',
    );
    rows.reset();
    assert.equal(rows.encode().length, 0);
    assert.deepEqual(decodeTimeLines(new Uint8Array(TIME_LINE_COLUMNS * 4 - 1)), [], 'a part of a row is none');
  });

  it('says what takes the time, and what has grown', () => {
    const point = (threads: number, waitUs: number) => {
      const lines = rowsOf(repeat(40, () => ({ 'request transit': 300, 'node wait': waitUs })));
      const none = new Uint8Array();
      const results = [samplePhase([[1], [], [], []], { timeLines: [lines, none, none, none] })];
      return summarizePoint({ clients: 2, threads, pendings: 10 }, [{ iteration: 1, results }], []);
    };
    assert.deepEqual(describeFindings([point(2, 100), point(8, 700)]), [
      'A strong read around the median takes 1.00 ms at 16 streams: waiting in the node 70 %, on its way 30 %.',
      'That is 600 µs more than at 4 streams, of which waiting in the node 600 µs.',
    ]);
    assert.equal(describeFindings([point(2, 100)]).length, 1);
    assert.deepEqual(describeFindings([]), []);
  });
});
