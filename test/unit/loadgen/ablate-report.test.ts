// What an ablation says, in words, tables, plots and JSON.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describeAblation } from '../../../loadgen/ablate/describe-ablation.js';
import { effectChart } from '../../../loadgen/ablate/effect-chart.js';
import { plotHead, plotLine, plotScale } from '../../../loadgen/ablate/text-plot.js';
import { toDocument, writeAblation } from '../../../loadgen/ablate/write-ablation.js';
import { axisAround } from '../../../loadgen/report/charts/scale.js';
import { renderTerminal } from '../../../loadgen/report/table.js';
import { type FiguresOf, sampleAblation } from './sample-ablation.js';

/** At 150 µs throughput is a tenth lower, give or take; weak operations are gone. */
const slower: FiguresOf = ({ level, repetition }) =>
  level === '150' ? { opsPerSecond: 18_000 + 100 * repetition, weakP50Ms: null, weakP99Ms: null } : {};

const BATCH = { factors: 'batch-delay', levels: ['batch-delay=0,150'] };

describe('the report of an ablation', () => {
  it('names differences with their intervals, what shows none, and what was not measured', () => {
    const { verdict } = describeAblation(sampleAblation(BATCH, slower), { hasPlots: false });
    assert.match(
      verdict[0] ?? '',
      /^batch-delay 150 µs against 0 µs: throughput −9\.0 % \(−9\.8 to −8\.2\) \*; no difference shown in strong median, strong p99, CPU per operation and fast path; not measured: weak median and weak p99$/,
    );
    assert.equal(verdict[1], 'overall  1 of 5 comparisons differ; chance alone makes about 0.5 stand out');
  });

  it('says how many repetitions are missing', () => {
    const { verdict, tables } = describeAblation(
      sampleAblation({ ...BATCH, repetitions: '1' }, () => ({})),
      {
        hasPlots: false,
      },
    );
    assert.equal(
      verdict[0],
      'batch-delay 150 µs against 0 µs: undecided: an interval needs 3 pairs, 2 more repetitions',
    );
    assert.equal(verdict[1], 'overall  nothing can be said yet: no level has an interval');
    assert.equal(tables[1]?.rows[7]?.[5], 'undecided: 2 more repetitions');
  });

  it('warns first', () => {
    const result = sampleAblation(BATCH, () => ({}), { interrupted: true, failures: ['batch-delay 150: lost'] });
    const [run] = result.factors[0]?.levels[1]?.runs ?? [];
    assert.ok(run !== undefined);
    Object.assign(run, { doubts: ['too few cores'], dataWrong: true, errors: 2 });
    const { verdict } = describeAblation(result, { hasPlots: false });
    assert.deepEqual(
      verdict.slice(0, 5).map((line) => line.replace(/ {2}.*/, '')),
      ['INTERRUPTED', 'DATA WRONG', 'FAILED', 'NOT VALID', 'WARNING'],
    );
  });

  it('has a table for each factor, with a drawing of the intervals in the terminal', () => {
    const text = renderTerminal(describeAblation(sampleAblation(BATCH, slower), { hasPlots: true }));
    assert.match(text, /batch-delay: Time for which a frame gathers what is to be sent/);
    assert.match(
      text,
      /150 µs │ throughput +│ 18,200 ops\/s │ ×0\.910 +│ ×0\.902 … ×0\.918 .*difference +│ ├●─┤ +┊ +│/,
    );
    assert.match(text, /−10 % {10}0 {10}\+10 %/);
    assert.match(text, /repeat +npm run --silent loadgen -- ablate --factors batch-delay --levels batch-delay=0,150 /);
  });

  it('is one document whose effects carry change, interval and verdict', () => {
    const document = JSON.parse(toDocument(sampleAblation(BATCH, slower)));
    const [factor] = document.factors;
    assert.deepEqual([factor.name, factor.baseline], ['batch-delay', '0']);
    const [baseline, level] = factor.levels;
    assert.equal(baseline.effect.opsPerSecond.verdict, 'baseline');
    const { ratio, low, high, verdict } = level.effect.opsPerSecond;
    assert.equal(verdict, 'difference');
    assert.ok(low < ratio && ratio < high && high < 1);
    assert.match(level.sentence, /^batch-delay 150 µs against 0 µs: /);
    assert.equal(level.runs.length, 3);
  });

  it('draws a panel for each figure that was measured, with points that no line joins', () => {
    const factor = sampleAblation(BATCH, slower).factors[0] ?? assert.fail('no factor');
    const chart = effectChart(factor) ?? assert.fail('no chart');
    const panels = chart.stacks.flat();
    assert.deepEqual(
      panels.map(({ title }) => title),
      ['throughput', 'strong median', 'strong p99', 'CPU per operation', 'fast path'],
    );
    const [panel] = panels;
    assert.ok(panel?.kind === 'lines');
    const points = panel.series.flatMap(({ points }) => points);
    assert.ok(points.every(({ y }, at) => y === null || points[at - 1]?.y === null));
    const [low, high] = points.find(({ label }) => label !== undefined)?.range ?? assert.fail('no interval');
    assert.ok(low < -0.09 && high > -0.091 && high < 0);
    assert.deepEqual(
      chart.legend.map(({ name }) => name),
      ['baseline', 'difference', 'no difference shown'],
    );
    assert.equal(effectChart({ ...factor, levels: factor.levels.slice(0, 1) }), null);
  });

  it('writes document, page, Markdown and pictures', () => {
    const out = mkdtempSync(path.join(os.tmpdir(), 'curpho-ablation-'));
    try {
      const files = writeAblation(sampleAblation(BATCH, slower), out);
      assert.equal(JSON.parse(readFileSync(files.document, 'utf8')).schemaVersion, 1);
      assert.match(readFileSync(files.html, 'utf8'), /^<!doctype html>[\s\S]*<figure id="ablation-batch-delay"/);
      const markdown = readFileSync(files.markdown, 'utf8');
      assert.match(markdown, /^# Ablations\n[\s\S]*!\[Effects of batch-delay\]\(pictures\/ablation-batch-delay\.png\)/);
      for (const ending of ['svg', 'png'])
        assert.ok(existsSync(path.join(out, `pictures/ablation-batch-delay.${ending}`)));
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});

describe('plots of characters', () => {
  const plain = { change: 0.05, interval: { low: 0.01, high: 0.09 }, isDifference: true };

  it('draws all intervals on one scale, no change in the middle', () => {
    assert.equal(plotScale([plain, { change: -0.15, interval: null, isDifference: false }]), 0.2);
    assert.equal(plotHead(0.2), '−20 %          0          +20 %');
    assert.equal(plotLine(plain, 0.1), '               ┊ ├─────●─────┤');
    assert.equal(plotLine({ ...plain, isDifference: false, interval: null }, 0.1), '               ┊       ○');
    assert.equal(plotLine(null, 0.1), '               ┊');
  });

  it('runs an interval across no change, and off the scale in arrow heads', () => {
    const wide = { change: 0.1, interval: { low: -0.5, high: 40 }, isDifference: false };
    assert.equal(
      plotLine({ ...wide, change: 0.02, interval: { low: -0.02, high: 0.06 } }, 0.1),
      '            ├──┼──○─────┤',
    );
    assert.equal(plotScale([wide]), 10);
    assert.equal(plotLine(wide, 0.2), '‹──────────────┼───────○──────›');
  });
});

describe('axisAround', () => {
  it('holds all values and 0 between round numbers', () => {
    const axis = axisAround([-0.12, 0.31], 4, '', (at) => `${at}`);
    assert.deepEqual([axis.from, axis.to], [-0.2, 0.4]);
    assert.deepEqual(
      axis.ticks.map(({ label }) => label),
      ['-0.2', '0', '0.2', '0.4'],
    );
    assert.deepEqual([axisAround([], 4, '', String).from, axisAround([0], 4, '', String).to], [0, 0.25]);
  });
});
