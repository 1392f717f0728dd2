// The drawing of charts: axes, room for labels, colours, markup.

import assert from 'node:assert/strict';
import type { LinePanel, Mark } from '../../../loadgen/report/charts/chart.js';
import { drawLines } from '../../../loadgen/report/charts/draw-lines.js';
import { LabelRoom } from '../../../loadgen/report/charts/label-room.js';
import { DARK, LIGHT, type Palette, SERIES_TONES, type Tone } from '../../../loadgen/report/charts/palette.js';
import { axisFromZero, logAxis, project } from '../../../loadgen/report/charts/scale.js';
import { element, escapeText } from '../../../loadgen/report/charts/svg.js';
import { formatTick } from '../../../loadgen/report/format.js';

describe('axes', () => {
  const labels = (axis: { ticks: { label: string }[] }) => axis.ticks.map(({ label }) => label);

  it('begin at 0 and end on a round number at or above the values', () => {
    assert.deepEqual(labels(axisFromZero(52_900, 6, '', formatTick)), [
      '0',
      '10 k',
      '20 k',
      '30 k',
      '40 k',
      '50 k',
      '60 k',
    ]);
    assert.deepEqual(labels(axisFromZero(0.31, 5, '', formatTick)), ['0', '0.1', '0.2', '0.3', '0.4']);
    assert.equal(axisFromZero(100, 4, '', formatTick).to, 100);
  });

  it('exist where there is nothing to show', () => {
    assert.deepEqual(labels(axisFromZero(0, 2, '', formatTick)), ['0', '0.5', '1']);
    assert.ok(logAxis([], '', formatTick).from < logAxis([], '', formatTick).to);
    assert.ok(logAxis([0, 0], '', formatTick).from > 0);
  });

  it('enclose all values on a logarithmic scale, with fewer marks over many decades', () => {
    assert.deepEqual(labels(logAxis([1.2, 18.9], '', formatTick)), ['1', '2', '5', '10', '20']);
    assert.deepEqual(labels(logAxis([2], '', formatTick)), ['2', '5']);
    assert.deepEqual(labels(logAxis([0.03, 4000], '', formatTick)), ['0.1', '1', '10', '100', '1 k']);
  });

  it('put values in proportion, and those outside on their ends', () => {
    const axis = logAxis([1, 99], '', formatTick);
    assert.equal(project(axis, 1, 0, 100), 0);
    assert.equal(Math.round(project(axis, 10, 0, 100)), 50);
    assert.equal(project(axis, 0, 0, 100), 0);
    assert.equal(project(axis, 1e9, 0, 100), 100);
  });
});

describe('room for labels', () => {
  const box = (x: number, y: number) => ({ x, y, width: 10, height: 10 });

  it('takes the first place that is free and inside, away from lines if it can', () => {
    const room = new LabelRoom({ x: 0, y: 0, width: 100, height: 40 });
    room.avoidLine({ x: 0, y: 5 }, { x: 100, y: 5 });
    room.reserve(box(40, 20));
    assert.deepEqual(room.take([box(95, 20), box(45, 25), box(20, 0), box(60, 20)]), box(60, 20));
    assert.deepEqual(room.take([box(60, 25), box(20, 0)]), box(20, 0), 'a line is better than no label');
    assert.equal(room.take([box(60, 25), box(25, 5)]), null, 'no label is better than one on another');
  });
});

describe('palettes', () => {
  const luminance = (colour: string) => {
    const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
    const [r = 0, g = 0, b = 0] = parts.map((part) =>
      part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (palette: Palette, a: Tone, b: Tone) => {
    const [low = 0, high = 0] = [luminance(palette[a]), luminance(palette[b])].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };

  for (const [name, palette] of Object.entries({ light: LIGHT, dark: DARK })) {
    it(`can be read, ${name}`, () => {
      for (const tone of [...SERIES_TONES, 'ink', 'muted', 'good', 'bad'] as const) {
        for (const ground of ['paper', 'panel'] as const)
          assert.ok(contrast(palette, tone, ground) >= 4.5, `${tone} on ${ground}: ${contrast(palette, tone, ground)}`);
      }
      assert.ok(contrast(palette, 'axis', 'paper') >= 3);
    });
  }
});

describe('drawing', () => {
  const mark: Mark = { tone: 'blue', dash: 'solid', marker: 'circle', hollow: false };
  const pen = { colour: (tone: Tone) => LIGHT[tone], fontSize: 10 };
  const panel = (points: LinePanel['series'][number]['points']): LinePanel => ({
    kind: 'lines',
    title: 'a < b',
    x: axisFromZero(10, 5, 'x', formatTick),
    y: axisFromZero(10, 5, 'y', formatTick),
    series: [{ name: 'one', mark, points }],
    guides: [],
    height: 200,
  });
  const draw = (points: LinePanel['series'][number]['points']) =>
    drawLines(pen, panel(points), { x: 0, y: 0, width: 200, height: 200 }, 20);

  it('breaks a line where a value is missing', () => {
    const markup = draw([
      { x: 1, y: 1, marked: false },
      { x: 2, y: 2, marked: false },
      { x: 3, y: null, marked: false },
      { x: 4, y: 4, marked: false },
      { x: 5, y: 5, marked: false },
    ]);
    const line = markup.match(/<path d="([^"]+)" fill="none" stroke="#0b5fa5"/)?.[1] ?? '';
    assert.match(line, /^M[\d.]+ [\d.]+L[\d.]+ [\d.]+M[\d.]+ [\d.]+L[\d.]+ [\d.]+$/);
  });

  it('gives marked points a marker, a hint and a label, and escapes words', () => {
    const markup = draw([{ x: 5, y: 5, marked: true, hint: '<hint>', label: '5 & more' }]);
    assert.match(markup, /<circle [^>]+><title>&#60;hint&#62;<\/title><\/circle>/);
    assert.match(markup, />5 &#38; more<\/text>/);
    assert.match(markup, />a &#60; b<\/tspan>/);
  });

  it('escapes whatever HTML or XML gives a meaning, and drops what neither allows', () => {
    assert.equal(escapeText(`<&"'>`), '&#60;&#38;&#34;&#39;&#62;');
    assert.equal(escapeText('a\u0000b\u001b\ud800c\u{1f600}'), 'a b  c\u{1f600}');
    assert.equal(element('a', { href: '"', hidden: undefined, n: 1.26 }, 'x'), '<a href="&#34;" n="1.3">x</a>');
  });
});
