// The report as a page and as files: complete by itself, of bounded size, and harmless whatever a result contains.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { composeReport } from '../../../loadgen/report/content.js';
import { renderMarkdown } from '../../../loadgen/report/markdown.js';
import { renderHtml } from '../../../loadgen/report/page/html.js';
import { rasterize } from '../../../loadgen/report/pictures.js';
import { renderTerminal } from '../../../loadgen/report/table.js';
import { describeVerdict } from '../../../loadgen/report/verdict.js';
import { writeReport } from '../../../loadgen/report/write-report.js';
import { hostileResult, realisticResult } from '../../support/realistic-result.js';
import { samplePoint, sampleResult } from './sample-result.js';

describe('page of a report', () => {
  const result = realisticResult();
  const html = renderHtml(result, null);

  it('is small and refers to nothing outside', () => {
    assert.ok(html.length < 520_000, `${html.length} characters`);
    assert.doesNotMatch(html, /https?:\/\/|url\(|@import|<script|<img|<link|src=/);
  });

  it('stays small with very many points and iterations', () => {
    const [point] = result.points;
    assert.ok(point !== undefined);
    const iterations = Array.from({ length: 100 }, () => point.iterations).flat();
    const points = Array.from({ length: 40 }, (_, at) => ({ ...point, streams: at + 1, iterations }));
    const page = renderHtml({ ...result, points }, null);
    assert.ok(page.length < 1_800_000, `${page.length} characters`);
    assert.match(page, /more rows: see result\.json/);
    assert.match(page, /<p class="muted">Of 40 points the first 8 are drawn\.<\/p>/);
  });

  it('has a figure, a finding and a table for every chart', () => {
    const count = (pattern: RegExp) => [...html.matchAll(pattern)].length;
    const figures = count(/<figure /g);
    assert.equal(figures, 10);
    assert.equal(count(/<figcaption><h3>[^<]+<\/h3><p>[^<]+<\/p><\/figcaption>/g), figures);
    assert.equal(count(/<svg class="wide"[^>]+role="img" aria-label="[^"]+"/g), figures);
    assert.equal(count(/<svg class="narrow"[^>]+role="img" aria-label="[^"]+"/g), figures);
    assert.equal(count(/<details><summary>[^<]+<\/summary>/g), figures);
  });

  it('uses every anchor once', () => {
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    assert.equal(new Set(ids).size, ids.length);
    for (const [, anchor] of html.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.includes(anchor), anchor);
  });

  it('escapes every word of a result', () => {
    const page = renderHtml(hostileResult(), hostileResult());
    assert.doesNotMatch(page, /<script|<img|<a href=javascript|<b>(?:lab|replica)/);
    assert.ok(!page.includes('\u0000') && !page.includes('\u001b'));
    assert.match(page, /&#60;script&#62;alert\(1\)&#60;\/script&#62;/);
  });

  it('tells the open loop, load processes, failures, traces and how to repeat the run', () => {
    const page = renderHtml(hostileResult(), null);
    assert.match(page, /<h2 id="open-loop-title">/);
    assert.match(page, /was lost: killed by SIGKILL/);
    assert.match(page, /lab:31001/);
    assert.match(html, /412 traces of 5310 spans are in <code>traces\.jsonl<\/code>/);
    assert.match(html, /<span>--threads 2,4,6,8<\/span>/);
    assert.doesNotMatch(html, /<h2 id="open-loop-title">/);
  });

  it('can be made of any result, however little is in it', () => {
    const point = samplePoint(2, [100]);
    const strongOnly = { ...point, weak: point.strong, strong: point.weak, fastPathShare: 1 };
    const poor = [
      sampleResult([]),
      sampleResult([], { interrupted: true, failures: ['a load process was lost'] }),
      sampleResult([samplePoint(2, [0])]),
      sampleResult([samplePoint(2, [7]), samplePoint(64, [9])]),
      sampleResult([strongOnly]),
    ];
    for (const result of poor) {
      const page = renderHtml(result, result);
      assert.doesNotMatch(page, /NaN|Infinity|undefined|>null/);
      assert.match(page, /<\/html>\n$/);
    }
  });
});

describe('verdict', () => {
  it('lets the worst decide', () => {
    const good = realisticResult();
    const wrong = { ...good.warmup, verification: { checked: 9, wrong: 1, examples: [] } };
    const words = (changes: Parameters<typeof realisticResult>[0]) => describeVerdict({ ...good, ...changes }).text;
    assert.equal(words({}), 'Valid: these figures can be used');
    assert.equal(words({ goalMet: true }), 'Valid, and the goal was met');
    assert.equal(words({ goalMet: false }), 'Valid, but the goal was missed');
    assert.match(words({ goalMet: false, interrupted: true }), /^INTERRUPTED/);
    assert.match(words({ interrupted: true, failures: ['lost'] }), /^NOT VALID/);
    assert.match(words({ failures: ['lost'], warmup: wrong }), /^DATA WRONG/);
    const [point] = good.points;
    assert.ok(point !== undefined);
    assert.equal(words({ points: [{ ...point, steady: false, trend: 0.2 }] }), 'Valid, with remarks');
  });
});

describe('report in the terminal and in Markdown', () => {
  it('says what became of an open loop, what failed and who issued the load', () => {
    const content = composeReport(hostileResult(), null);
    for (const text of [renderTerminal(content), renderMarkdown(content)]) {
      assert.match(text, /NOT VALID: load process 1 .* was lost/);
      assert.match(text, /Open loop: what was intended/);
      assert.match(text, /13,500/);
      assert.match(text, /300 waiting, 2,720 unanswered \(overloaded\)/);
      assert.match(text, /open loop, 20,000 ops\/s intended, poisson arrivals/);
      assert.match(text, /lab:31002/);
      assert.doesNotMatch(text, /weak median < 2 ms: (?:reached|missed)/);
    }
    assert.match(
      renderTerminal(content),
      /^overload at 16 streams: 94\.2 % of the intended operations completed in their windows, 13,500 dropped \(4\.5 %\)/m,
    );
  });
});

describe('report in Markdown', () => {
  it('has no markup that comes from a result', () => {
    const markdown = renderMarkdown(composeReport(hostileResult(), null));
    assert.doesNotMatch(markdown, /<(?:script|img|b)\b/);
    assert.match(markdown, /key 5: &lt;script>alert\(1\)/);
  });
});

describe('files of a report', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-report-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('are the page, the Markdown and two pictures of every chart; old pictures go', async () => {
    const result = sampleResult([samplePoint(2, [100])]);
    const first = await writeReport(result, { baseline: null, out: directory });
    assert.equal(readFileSync(first.html, 'utf8'), renderHtml(result, null));
    assert.equal(readFileSync(first.markdown, 'utf8'), renderMarkdown(composeReport(result, null)));
    for (const picture of first.pictures) assert.ok(existsSync(picture), picture);
    writeFileSync(path.join(directory, 'pictures', 'timeline-999.svg'), '');
    const second = await writeReport(result, { baseline: result, out: directory });
    assert.deepEqual(
      readdirSync(path.join(directory, 'pictures')).sort(),
      second.pictures.map((file) => path.basename(file)).sort(),
    );
    assert.match(readFileSync(second.html, 'utf8'), /Change against the run of 2030/);
  });

  it('leave pictures alone that are no charts', async () => {
    const result = sampleResult([samplePoint(2, [100])]);
    const pictures = path.join(directory, 'pictures');
    mkdirSync(pictures);
    const foreign = ['holiday.png', 'timeline.svg', 'my-throughput.png', 'throughput.svg.txt'];
    for (const name of foreign) writeFileSync(path.join(pictures, name), 'mine');
    await writeReport(result, { baseline: null, out: directory });
    for (const name of foreign) assert.equal(readFileSync(path.join(pictures, name), 'utf8'), 'mine', name);
  });

  it('are never written outside of their directory', async () => {
    const point = Object.assign(samplePoint(2, [100]), { streams: 'x/../../../PWNED' });
    const out = path.join(directory, 'a', 'b');
    await assert.rejects(writeReport(sampleResult([point]), { baseline: null, out }), /no name for a chart/);
    assert.deepEqual([readdirSync(directory), readdirSync(path.join(directory, 'a'))], [['a'], ['b']]);
  });

  it('have pictures with plain colours, and words even where a machine has no fonts', async () => {
    const { pictures } = await writeReport(sampleResult([samplePoint(2, [100])]), { baseline: null, out: directory });
    const svg = readFileSync(pictures.find((file) => file.endsWith('throughput.svg')) ?? '', 'utf8');
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    assert.doesNotMatch(svg, /var\(|currentColor|class=|http(?!:\/\/www\.w3\.org\/2000\/svg")/);
    const png = rasterize(svg);
    assert.deepEqual([...png.subarray(1, 4)], [...Buffer.from('PNG')]);
    const width = Number(/ width="(\d+)"/.exec(svg)?.[1]);
    assert.equal(png.readUInt32BE(16), 2 * width);
    // Without its words the picture is another one: they are really drawn.
    assert.notDeepEqual(rasterize(svg.replaceAll(/<text.*?<\/text>/g, '')), png);
  });
});
