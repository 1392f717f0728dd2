// The frame of every page: one file that needs nothing but itself, no network and no script, with a table of contents. Knows
// no contents; how it looks is in style.ts.

import { escapeText } from '../charts/svg.js';
import { section } from './parts.js';
import { pageStyle } from './style.js';

/** A part of the page with its entry in the table of contents. */
export interface PagePart {
  id: string;
  title: string;
  /** Markup. */
  content: string;
}

/** What stands in the frame. All but the contents of parts is plain text. */
export interface FramedPage {
  title: string;
  heading: string;
  /** When, from what and on what it was measured. */
  origin: string;
  parts: readonly PagePart[];
  footer: string;
}

/** Should a text of a result ever escape its escaping, there is still nothing that it could load or run. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The whole page as HTML. */
export function renderFrame({ title, heading, origin, parts, footer }: FramedPage): string {
  const links = parts.map((part) => `<li><a href="#${part.id}">${escapeText(part.title)}</a></li>`).join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escapeText(title)}</title>
<style>${pageStyle()}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the verdict</a>
<header><h1>${escapeText(heading)}</h1><p class="muted">${escapeText(origin)}</p></header>
<nav aria-label="Parts of this report"><ul>${links}</ul></nav>
<main id="main" tabindex="-1">
${parts.map((part) => section(part.id, part.title, part.content)).join('\n')}
</main>
<footer>${escapeText(footer)}</footer>
</body>
</html>
`;
}
