// What a chart is before it is drawn: figures with names, axes and a caption. The drawing knows nothing of load and
// replicas; what is drawn comes from figures.ts.

import type { ReportTable } from '../report-table.js';
import type { Tone } from './palette.js';
import type { Axis } from './scale.js';

/** How a series is told from others: by dashes and markers besides colour. */
export interface Mark {
  tone: Tone;
  dash: 'solid' | 'long' | 'short' | 'dots';
  marker: 'circle' | 'square' | 'diamond' | 'triangle';
  /** Marker outlined rather than filled. */
  hollow: boolean;
}

/** A point of a line; without `y` the line is broken. */
export interface ChartPoint {
  x: number;
  y: number | null;
  /** Ends of a whisker around it. */
  range?: [number, number];
  /** Written beside it. */
  label?: string;
  /** Shown by a pointer that rests on its marker. */
  hint?: string;
  /** Whether it has a marker. */
  marked: boolean;
}

/** A line. */
export interface Series {
  name: string;
  mark: Mark;
  points: ChartPoint[];
}

/** A horizontal line that values are judged by. */
export interface Guide {
  at: number;
  label: string;
}

/** Lines over two axes. */
export interface LinePanel {
  kind: 'lines';
  title: string;
  x: Axis;
  y: Axis;
  series: Series[];
  guides: Guide[];
  height: number;
}

/** A horizontal bar of parts, in the order of the legend. */
export interface Bar {
  label: string;
  /** Written at its end. */
  note: string;
  /** One for each entry of the legend. */
  parts: { value: number; hint: string }[];
}

/** Bars over one axis. */
export interface BarPanel {
  kind: 'bars';
  title: string;
  x: Axis;
  bars: Bar[];
}

/** Something to be drawn on one pair of axes. */
export type Panel = LinePanel | BarPanel;

/** An entry of the legend: a line, or a part of bars, which carries its number. */
export type LegendEntry = { name: string; mark: Mark } | { name: string; tone: Tone };

/** A chart with all that belongs to it. */
export interface Chart {
  /** File name without extension; also the anchor of its figure. */
  name: string;
  title: string;
  /** The finding, as sentences. */
  caption: string;
  legend: LegendEntry[];
  /** Stacks of panels, side by side where there is room. */
  stacks: Panel[][];
  /** Width that it needs to be seen well: half of a page or all of it. */
  size: 'half' | 'full';
  /** Most stacks side by side on a wide page; on a narrow one they are below each other. */
  columns: number;
  /** The figures that it shows. */
  table: ReportTable;
}
