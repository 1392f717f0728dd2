// Writing SVG as text: elements, escaping, and how wide words are. Knows no chart.

import type { Tone } from './palette.js';

/** What drawing needs to know of where the drawing goes. */
export interface Pen {
  /** A colour for a tone: fixed in a picture, a variable in a page. */
  colour: (tone: Tone) => string;
  fontSize: number;
}

/** A rectangle in pixels. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Where and how words are written. */
export interface TextStyle {
  x: number;
  y: number;
  /** Without one, words have the colour of the whole drawing, which is that of less important ones. */
  tone?: Tone;
  anchor?: 'start' | 'middle' | 'end';
  bold?: boolean;
  /** With a rim of paper, for words on top of lines. */
  rim?: boolean;
}

/** Text for HTML and SVG, in content and in attributes. Control characters, which neither allows, become spaces. */
export function escapeText(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, ' ')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** An element; attributes without a value are left out, their values are escaped. `content` is markup. */
export function element(
  name: string,
  attributes: Record<string, string | number | undefined>,
  content: string | null = null,
): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? roundPixel(value) : escapeText(value ?? '')}"`)
    .join('');
  return content === null ? `<${name}${written}/>` : `<${name}${written}>${content}</${name}>`;
}

/** Words at a place. */
export function drawText(pen: Pen, words: string, style: TextStyle): string {
  return element('text', textAttributes(pen, style), escapeText(words));
}

/** Words of which the first are bold. */
export function drawHeading(pen: Pen, bold: string, rest: string, style: TextStyle): string {
  const strong = bold === '' ? '' : element('tspan', { 'font-weight': 600, fill: pen.colour('ink') }, escapeText(bold));
  const gap = bold === '' || rest === '' ? '' : ' · ';
  return element('text', textAttributes(pen, style), `${strong}${escapeText(gap + rest)}`);
}

/** A tooltip that needs no script. */
export function drawHint(words: string): string {
  return element('title', {}, escapeText(words));
}

/** How wide words are at most in the fonts that pages and pictures use, in pixels. */
export function textWidth(words: string, fontSize: number): number {
  let ems = 0;
  for (const character of words)
    ems += /[mwMW%@—+−]/.test(character) ? 0.97 : /[ .,:;·'|ijl()]/.test(character) ? 0.4 : 0.64;
  return ems * fontSize;
}

/** A tenth of a pixel is as fine as anyone sees. */
export function roundPixel(value: number): number {
  return Math.round(value * 10) / 10;
}

function textAttributes(pen: Pen, { x, y, tone, anchor, bold, rim }: TextStyle) {
  return {
    x,
    y,
    fill: tone === undefined ? undefined : pen.colour(tone),
    'text-anchor': anchor === undefined || anchor === 'start' ? undefined : anchor,
    'font-weight': bold === true ? 600 : undefined,
    ...(rim === true
      ? { stroke: pen.colour('paper'), 'stroke-width': 3, 'stroke-linejoin': 'round', 'paint-order': 'stroke' }
      : {}),
  };
}
