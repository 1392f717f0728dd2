// The colours of charts and pages, light and dark. Chosen so that every tone that carries a line or a word has a contrast
// of at least 4.5 to 1 against the paper, and so that the series stay apart for colour-blind readers; nothing is told
// by colour alone all the same. Knows no chart.

/** What a colour is for. */
export const TONES = [
  'paper',
  'panel',
  'ink',
  'muted',
  'axis',
  'grid',
  'blue',
  'orange',
  'green',
  'purple',
  'ochre',
  'grey',
  'good',
  'bad',
] as const;

/** One of `TONES`. */
export type Tone = (typeof TONES)[number];

/** Tones of series, in the order in which charts hand them out. */
export const SERIES_TONES = ['blue', 'orange', 'green', 'purple', 'ochre', 'grey'] as const satisfies readonly Tone[];

/** A colour, as `#rrggbb`, for every tone. */
export type Palette = Record<Tone, string>;

/** For paper and light screens. */
export const LIGHT: Palette = {
  paper: '#ffffff',
  panel: '#f4f6f8',
  ink: '#1b1f24',
  muted: '#505a66',
  axis: '#77818c',
  grid: '#e3e7eb',
  blue: '#0b5fa5',
  orange: '#b3420a',
  green: '#00705a',
  purple: '#8a3a7f',
  ochre: '#775a00',
  grey: '#5b6570',
  good: '#0a6b3d',
  bad: '#b3161b',
};

/** For dark screens. */
export const DARK: Palette = {
  paper: '#14181d',
  panel: '#1e242b',
  ink: '#e8ecf0',
  muted: '#a9b4c0',
  axis: '#7d8996',
  grid: '#2d353e',
  blue: '#74b8f5',
  orange: '#f79e63',
  green: '#4fcda2',
  purple: '#e3a0d6',
  ochre: '#e0c35a',
  grey: '#a5afba',
  good: '#5fd394',
  bad: '#ff8f8a',
};
