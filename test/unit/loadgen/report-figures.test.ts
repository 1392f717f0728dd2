// What charts say: captions computed from the numbers, and what is shown where numbers are missing.

import assert from 'node:assert/strict';
import { parsePlan, SWEEP_DEFAULTS } from '../../../loadgen/plan.js';
import { composeReport, workerTable } from '../../../loadgen/report/content.js';
import { composeCharts } from '../../../loadgen/report/figures/all-charts.js';
import { describeFastPath } from '../../../loadgen/report/figures/fast-path.js';
import { describeMedians } from '../../../loadgen/report/figures/medians.js';
import { describePercentiles, percentilesChart } from '../../../loadgen/report/figures/percentiles.js';
import { describeProcesses } from '../../../loadgen/report/figures/processes.js';
import { describeThroughput } from '../../../loadgen/report/figures/throughput.js';
import { describeTimeline, timelineCharts } from '../../../loadgen/report/figures/timelines.js';
import { listKeyFigures } from '../../../loadgen/report/key-figures.js';
import { drawPicture } from '../../../loadgen/report/pictures.js';
import { describeVerdict } from '../../../loadgen/report/verdict.js';
import { realisticResult } from '../../support/realistic-result.js';
import { samplePoint, sampleResult } from './sample-result.js';

const [four, , , sixteen] = realisticResult().points;
assert.ok(four !== undefined && sixteen !== undefined);

describe('caption of throughput', () => {
  it('says how it moves, beside the study', () => {
    const text = describeThroughput([samplePoint(2, [20_000, 22_000]), samplePoint(8, [44_000, 44_000])]);
    assert.equal(
      text,
      'Throughput rises from 21.0 k to 44.0 k ops/s from 4 to 16 streams (+110 %); in the study it fell from 17.9 k to 11.4 k. Iterations lie at most 9.5 % apart (4 streams).',
    );
  });

  it('calls a fall a fall and a small move none', () => {
    assert.match(
      describeThroughput([samplePoint(3, [5000]), samplePoint(5, [4000])]),
      /^Throughput falls from 5\.0 k to 4\.0 k ops\/s from 6 to 10 streams \(-20 %\)\. With one iteration/,
    );
    assert.match(
      describeThroughput([samplePoint(3, [5000]), samplePoint(5, [5060])]),
      /^Throughput stays near 5\.1 k ops\/s/,
    );
  });

  it('names a peak between the ends', () => {
    const text = describeThroughput([samplePoint(3, [100]), samplePoint(5, [300]), samplePoint(6, [200])]);
    assert.match(
      text,
      /^Throughput rises from 100 to 200 ops\/s from 6 to 12 streams \(\+100 %\), with a peak of 300 at 10 streams\./,
    );
  });

  it('has words for one point, for none and for nothing done', () => {
    assert.equal(
      describeThroughput([samplePoint(2, [35_896])]),
      'Throughput is 35.9 k ops/s at 4 streams, 2.0 times what the study saw. With one iteration the spread is not known.',
    );
    assert.equal(describeThroughput([]), 'Nothing was measured.');
    assert.equal(describeThroughput([samplePoint(2, [0])]), 'Not one operation was completed.');
  });
});

describe('table of load processes', () => {
  it('shows the clock of those on other machines only', () => {
    const [worker] = realisticResult().workers;
    assert.ok(worker !== undefined);
    const workers = [worker, { ...worker, clockOffsetMs: -2.34, isLocal: false }];
    assert.deepEqual(
      workerTable(sampleResult([], { workers }))?.rows.map((row) => row.at(-1)),
      ['–', '-2.3 ms'],
    );
  });
});

describe('figures of an open loop', () => {
  const openLoop = {
    intendedPerSecond: 398,
    sentPerSecond: 398,
    intended: 398,
    sent: 398,
    dropped: 0,
    completed: 240,
    completedPerSecond: 240,
    inFlightMax: 158,
    waitingMax: 0,
    waitingAtEnd: 0,
    unansweredAtEnd: 158,
    overloaded: true,
  };
  const result = sampleResult([{ ...samplePoint(2, [240]), openLoop }], {
    plan: parsePlan({ rate: '400/s' }, SWEEP_DEFAULTS),
  });

  it('say what was completed beside what was intended, and nothing of the study', () => {
    const [first, ...others] = listKeyFigures(result);
    assert.deepEqual([first?.label, first?.value, first?.note], ['Completed', '240', 'at 4 streams, 400 intended']);
    const charts = Object.values(composeCharts(result)).flat();
    const { tables } = composeReport(result, null);
    assert.doesNotMatch(JSON.stringify([others, charts, tables]), /[Ss]tudy|23 k|goal/);
    assert.match(
      charts[0]?.caption ?? '',
      /^Of 398 intended operations a second 240 were completed at 4 streams \(overloaded\)\./,
    );
    assert.deepEqual(tables[0]?.heads.slice(2, 4), ['Intended', 'Completed']);
    assert.match(describeVerdict(result).text, /with remarks/);
  });

  it('of a closed loop stand beside the study', () => {
    const closed = sampleResult([samplePoint(2, [20_000])]);
    assert.match(JSON.stringify([listKeyFigures(closed), composeCharts(closed)]), /the study/);
  });
});

describe('caption of medians', () => {
  it('says how both move and where the goal is met', () => {
    const point = (streams: number, weakMs: number | null, strongMs: number | null) => {
      const sample = samplePoint(streams / 2, [10]);
      return { ...sample, weak: { ...sample.weak, p50Ms: weakMs }, strong: { ...sample.strong, p50Ms: strongMs } };
    };
    assert.equal(
      describeMedians([point(4, 1.1, 1.3), point(8, 1.9, 2), point(16, 2.1, 2.6)]),
      'The weak median rises from 1.10 to 2.10 ms from 4 to 16 streams. The strong median rises from 1.30 to 2.60 ms from 4 to 16 streams. The weak median is below 2 ms at 4 and 8 streams.',
    );
    assert.equal(
      describeMedians([point(4, 1.1, null)]),
      'The weak median is 1.10 ms at 4 streams. There were no strong operations. The weak median is below 2 ms throughout.',
    );
    assert.match(describeMedians([point(4, 3, 3)]), /nowhere below 2 ms/);
    assert.equal(
      describeMedians([point(4, null, null)]),
      'There were no weak operations. There were no strong operations.',
    );
  });
});

describe('caption of percentiles', () => {
  it('names the classes from fast to slow at the most streams', () => {
    const tail = (p99Ms: number, maxMs: number) => ({ ...sixteen.weak, p99Ms, maxMs });
    const classes = {
      weakRead: tail(12, 40),
      weakWrite: tail(9.5, 20),
      strongRead: tail(12.5, 72.83),
      strongWrite: tail(11, 30),
    };
    assert.equal(
      describePercentiles([{ ...sixteen, classes }, four]),
      'At 16 streams, 99 % of operations took at most 9.50 ms for weak writes, 11.00 ms for strong writes, 12.00 ms for weak reads and 12.50 ms for strong reads; the slowest of all, among the strong reads, took 72.83 ms.',
    );
  });

  it('draws what there is: the weak classes alone, or nothing', () => {
    const chart = percentilesChart(sampleResult([samplePoint(2, [100])]));
    assert.deepEqual(
      chart?.legend.map(({ name }) => name),
      ['weak reads'],
    );
    assert.equal(percentilesChart(sampleResult([samplePoint(2, [0])])), null);
  });
});

describe('caption of the fast path', () => {
  it('says how many took it and why others did not', () => {
    const text = describeFastPath([
      { ...four, fastPathShare: 0.99, slowReasons: { uncovered: 30 } },
      { ...sixteen, fastPathShare: 0.9, slowReasons: { overtaken: 60, uncovered: 10 } },
    ]);
    assert.equal(
      text,
      'Between 90.0 % (16 streams) and 99.0 % (4 streams) of strong operations took the fast path. The most frequent reason for leaving it, 60 % of all cases: the commit came first.',
    );
    assert.equal(
      describeFastPath([{ ...four, fastPathShare: 1, slowReasons: {} }]),
      '100.0 % of strong operations took the fast path at 4 streams.',
    );
  });
});

describe('caption of a time line', () => {
  const point = (opsPerSecond: number[], errors = opsPerSecond.map(() => 0)) => {
    const [iteration] = four.iterations;
    assert.ok(iteration !== undefined);
    const { timeline } = iteration;
    return { ...four, iterations: [{ ...iteration, timeline: { ...timeline, opsPerSecond, errors } }] };
  };

  it('warns of a dip, and only of a dip', () => {
    assert.equal(
      describeTimeline(point([10_000, 10_000, 2000, 11_000])),
      'At 4 streams, half of the time throughput was above 10.0 k ops/s, at best 11.0 k. The deepest dip, 80 % below the median of its window (2.0 k ops/s), came 0.4 s into iteration 1.',
    );
    assert.match(describeTimeline(point([10_000, 9500, 10_000])), /No part of a window fell more than 5 % below/);
  });

  it('counts errors', () => {
    assert.match(describeTimeline(point([10, 10], [0, 3])), / 3 operations failed or have an unknown outcome\.$/);
  });

  it('has words for a window without operations', () => {
    assert.equal(describeTimeline(point([0, 0])), 'At 4 streams hardly any operation was completed.');
  });

  it('draws at most eight points and six iterations each, and says so', () => {
    const [iteration] = four.iterations;
    assert.ok(iteration !== undefined);
    const many = { ...four, iterations: Array.from({ length: 40 }, () => iteration) };
    const charts = timelineCharts(sampleResult(Array.from({ length: 30 }, () => many)));
    assert.equal(charts.length, 8);
    assert.equal(charts[0]?.stacks.length, 6);
    assert.match(charts[0]?.caption ?? '', /Of 40 iterations the first 6 are drawn\./);
  });
});

describe('caption of processes', () => {
  it('says how busy the machine and its busiest service were', () => {
    const process = { role: 'replica', pid: 1, rssBytes: 1 };
    const shares = [
      { ...process, name: 'r0', cpuShare: 0.5 },
      { ...process, name: 'r1', cpuShare: 0.25 },
    ];
    const iterations = four.iterations.map((iteration) => ({ ...iteration, clientCpuShare: 0.25 }));
    assert.equal(
      describeProcesses([{ ...four, iterations, processes: shares }], 2),
      'At 4 streams everything together used 1.00 of 2 cores, the clients 0.25 of them. The busiest service is r0 with 50 % of a core, then r1 with 25 %.',
    );
  });
});

describe('charts', () => {
  it('are left out where there is nothing to show', () => {
    const { latency, timelines, processes, scaling } = composeCharts(sampleResult([]));
    assert.deepEqual([latency, timelines, processes], [[], [], []]);
    assert.deepEqual(
      scaling.map(({ name }) => name),
      ['throughput', 'medians'],
    );
  });

  it('have names of their own, a caption, and rows for their figures', () => {
    const charts = Object.values(composeCharts(realisticResult())).flat();
    assert.equal(new Set(charts.map(({ name }) => name)).size, charts.length);
    for (const { caption, table } of charts) {
      assert.match(caption, /^[A-Z0-9].*\.$/);
      assert.ok(table.rows.length > 0);
      for (const row of table.rows) assert.equal(row.length, table.heads.length);
    }
  });

  it('never draw what is not a number', () => {
    const results = [
      realisticResult(),
      sampleResult([]),
      sampleResult([samplePoint(2, [0])]),
      sampleResult([samplePoint(1, [7])]),
    ];
    for (const result of results) {
      for (const chart of Object.values(composeCharts(result)).flat())
        assert.doesNotMatch(drawPicture(chart), /NaN|Infinity|undefined|null/, chart.name);
    }
  });
});
