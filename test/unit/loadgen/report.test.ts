// Reports and exit codes: what a result leads to, in words and numbers.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { UsageError } from '../../../loadgen/flag-values.js';
import { compareWithBaseline } from '../../../loadgen/outcome/baseline.js';
import { parseGoal } from '../../../loadgen/outcome/goal.js';
import { readResult } from '../../../loadgen/outcome/read-result.js';
import { exitCodeOf, judgeGoal, type RunResult } from '../../../loadgen/outcome/result.js';
import { STUDY_ROWS } from '../../../loadgen/outcome/seed-study.js';
import { mean } from '../../../loadgen/outcome/statistics.js';
import { parsePlan, SCHEMA_VERSION, SWEEP_DEFAULTS } from '../../../loadgen/plan.js';
import { composeReport } from '../../../loadgen/report/content.js';
import { renderMarkdown } from '../../../loadgen/report/markdown.js';
import { renderTerminal } from '../../../loadgen/report/table.js';
import { samplePoint, sampleResult } from './sample-result.js';

describe('exitCodeOf', () => {
  const point = samplePoint(2, [100]);
  const wrong = { ...point, verified: false };
  const invalid = { ...point, selfCheck: { ...point.selfCheck, valid: false } };

  it('follows the severity of what was found', () => {
    assert.equal(exitCodeOf(sampleResult([point])), 0);
    assert.equal(exitCodeOf(sampleResult([point], { goalMet: true })), 0);
    assert.equal(exitCodeOf(sampleResult([point], { goalMet: false })), 1);
    assert.equal(exitCodeOf(sampleResult([point, invalid], { goalMet: false })), 4);
    assert.equal(exitCodeOf(sampleResult([invalid, wrong])), 5);
    assert.equal(exitCodeOf(sampleResult([point], { interrupted: true })), 130);
  });

  it('counts wrong reads of the warm-up', () => {
    const { warmup } = sampleResult([]);
    assert.equal(
      exitCodeOf(
        sampleResult([point], { warmup: { ...warmup, verification: { checked: 5, wrong: 1, examples: [] } } }),
      ),
      5,
    );
  });
});

describe('judgeGoal', () => {
  it('asks for one point that meets all conditions together', () => {
    const points = [samplePoint(2, [100]), samplePoint(4, [200])];
    const plan = (goal: string) => ({ ...parsePlan({}, SWEEP_DEFAULTS), goal: parseGoal(goal) });
    assert.equal(judgeGoal(plan('opsPerSecond>=150,weakP50Ms<2'), points), true);
    assert.equal(judgeGoal(plan('opsPerSecond>=150,weakP50Ms<1'), points), false);
    assert.equal(judgeGoal(parsePlan({}, SWEEP_DEFAULTS), points), null);
  });
});

describe('report', () => {
  const result = sampleResult([samplePoint(2, [30_000, 31_000, 32_000]), samplePoint(8, [60_000, 50_000, 70_000])]);

  it('shows throughput, change, spread, the study beside it and the target', () => {
    const text = renderTerminal(composeReport(result, null));
    assert.match(text, /31,000 ops\/s/);
    assert.match(text, /\+94 %/);
    assert.match(text, /60,000 ops\/s \(not steady\)/);
    assert.match(text, /11,356, 4\.81 \/ 18\.86 ms \(×5\.3\)/);
    assert.match(text, /23,000 ops\/s with a weak median < 2 ms: reached at 4 streams/);
  });

  it('says the same in Markdown', () => {
    const markdown = renderMarkdown(composeReport(result, null));
    assert.match(markdown, /^# Client parallelism\n/);
    assert.match(markdown, /\| 4 \| 40 \| 31,000 ops\/s \| 6\.5 % \| – \| 1\.50 ms \| ✓ \|/);
    assert.match(markdown, /all 61 reads checked, none wrong/);
  });

  it('names the gap where the target is missed, and wrong data first', () => {
    const missed = sampleResult([samplePoint(2, [20_000])]);
    assert.match(renderTerminal(composeReport(missed, null)), /missed by 3,000 ops\/s/);
    const point = {
      ...samplePoint(2, [100]),
      verified: false,
      verification: { checked: 10, wrong: 1, examples: ['key 5: bad'] },
    };
    assert.match(
      composeReport(sampleResult([point]), null).verdict.join('\n'),
      /^DATA WRONG: 1 of 11 reads\n\s+key 5: bad/,
    );
  });
});

describe('baseline', () => {
  it('compares by stream count and says what differs', () => {
    const before = sampleResult([samplePoint(2, [100])]);
    const after = sampleResult([samplePoint(2, [150]), samplePoint(4, [100])], {
      plan: parsePlan({ pendings: '5' }, SWEEP_DEFAULTS),
    });
    const comparison = compareWithBaseline(after, before);
    assert.deepEqual(
      comparison.rows.map((row) => [row.streams, row.throughputChange]),
      [[4, 0.5]],
    );
    assert.deepEqual(comparison.differences, ['plan.pendings is 5, was 10']);
    assert.match(renderMarkdown(composeReport(after, before)), /Change against the run of 2030/);
  });

  it('refuses a result whose fields are not as they were saved, naming the first', () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-report-'));
    const good = sampleResult([samplePoint(2, [100])], {
      traces: { file: 'a.jsonl', traces: 0, spans: 0, dropped: 0 },
    });
    const changed = (change: (result: RunResult) => unknown) => {
      const result = structuredClone(good);
      change(result);
      return result;
    };
    const cases: [unknown, RegExp][] = [
      [{ schemaVersion: SCHEMA_VERSION, points: [{}] }, /^compare: .*result\.json: \w+: /],
      [
        changed(({ points }) => Object.assign(points[0] ?? {}, { streams: 'x/../../../PWNED' })),
        /: points\[0\]\.streams: /,
      ],
      [changed(({ points }) => Object.assign(points[0] ?? {}, { streams: 1.5 })), /: points\[0\]\.streams: /],
      [changed(({ points }) => Object.assign(points[0] ?? {}, { iterations: [] })), /: points\[0\]\.iterations: /],
      [changed(({ plan }) => Object.assign(plan, { threads: [0] })), /: plan\.threads\[0\]: /],
      [changed((result) => Object.assign(result, { failures: 'none' })), /: failures: /],
      [
        changed(({ traces }) => Object.assign(traces ?? {}, { file: '../x' })),
        /: traces\.file: has to be the name of a file/,
      ],
    ];
    try {
      for (const [saved, message] of cases) {
        writeFileSync(path.join(directory, 'result.json'), JSON.stringify(saved));
        assert.throws(
          () => readResult(directory, 'compare'),
          (error) => error instanceof UsageError && message.test(error.message),
          String(message),
        );
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('reads back a saved result and refuses other files', () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-report-'));
    const file = path.join(directory, 'result.json');
    try {
      assert.throws(() => readResult(directory), /--baseline: cannot read/);
      writeFileSync(file, '{"schemaVersion":99,"points":[]}');
      assert.throws(() => readResult(directory), /no result of schema version 4/);
      const saved = sampleResult([samplePoint(2, [100])]);
      writeFileSync(file, JSON.stringify(saved));
      assert.deepEqual(readResult(directory), JSON.parse(JSON.stringify(saved)));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('seed study', () => {
  it('has throughputs that are the means of its iterations', () => {
    for (const row of STUDY_ROWS)
      assert.ok(Math.abs(mean(row.iterations) - row.opsPerSecond) < 2, `${row.streams} streams`);
  });
});
