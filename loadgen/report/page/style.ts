// The style sheet of the page: one text, no fonts and no images from elsewhere. Colours come from the palette of the
// charts; paper is always light.

import { DARK, LIGHT, type Palette, TONES } from '../charts/palette.js';

/** Below this width of the window, charts that take half of a page are drawn narrow. */
const HALF_NARROW_BELOW_PX = 600;
/** And those that take all of it. */
const FULL_NARROW_BELOW_PX = 860;

/** The style sheet as text. */
export function pageStyle(): string {
  return `:root{color-scheme:light dark;${variables(LIGHT)}}
@media screen and (prefers-color-scheme:dark){:root{${variables(DARK)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif}
header,nav,main,footer{max-width:1212px;margin:0 auto;padding:0 16px}
header{padding-top:28px}
h1{font-size:1.9rem;line-height:1.2;margin:0}
h2{font-size:1.35rem;line-height:1.3;margin:44px 0 12px;padding-top:20px;border-top:1px solid var(--grid)}
h3{font-size:1.05rem;line-height:1.3;margin:24px 0 6px}
p{margin:0 0 10px;max-width:75ch}
a{color:var(--blue);text-underline-offset:.15em}
.muted{color:var(--muted)}
.skip{position:absolute;left:8px;top:-100px;padding:8px 12px;background:var(--paper);z-index:1}
.skip:focus{top:8px}
:focus-visible{outline:3px solid var(--blue);outline-offset:2px;border-radius:3px}
main:focus{outline:none}
nav ul{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:14px 0 0;padding:0}
.verdict{border:1px solid var(--grid);border-left:8px solid var(--muted);border-radius:6px;background:var(--panel);padding:14px 18px;margin:0 0 20px}
.verdict>p{font-size:1.3rem;font-weight:650;margin:0 0 8px;line-height:1.3;overflow-wrap:anywhere}
.verdict.good{border-left-color:var(--good)}
.verdict.bad{border-left-color:var(--bad)}
.verdict.alarm{border:4px solid var(--bad);border-left-width:12px}
.verdict.alarm>p{color:var(--bad);font-size:1.7rem}
.checks{list-style:none;margin:0;padding:0}
.checks>li{padding:3px 0 3px 28px;position:relative;overflow-wrap:anywhere}
.checks .sign{position:absolute;left:0;font-weight:700;width:22px;text-align:center}
.checks .good .sign{color:var(--good)}
.checks .bad .sign,.checks .alarm .sign,.checks .alarm b{color:var(--bad)}
.checks ul{margin:4px 0 0;padding-left:18px}
.keys{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:0 0 8px}
.keys div{border:1px solid var(--grid);border-radius:6px;padding:10px 14px}
.keys dt{color:var(--muted);font-size:.9rem}
.keys dd{margin:0}
.keys .value{font-size:1.5rem;font-weight:650;line-height:1.25}
.keys small{font-size:.95rem;font-weight:400}
.keys .note{color:var(--muted);font-size:.9rem}
.charts{display:grid;gap:12px 32px;grid-template-columns:minmax(0,1fr)}
figure{margin:0 0 18px;min-width:0}
figcaption h3{margin-top:12px}
svg{display:block;width:100%;height:auto;margin:8px 0 4px;font-family:inherit}
svg.narrow{display:none}
@media (min-width:1000px){.charts.pairs{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media (max-width:999px){figure.half{max-width:640px}}
@media screen and (max-width:${HALF_NARROW_BELOW_PX - 1}px){.half svg.wide{display:none}.half svg.narrow{display:block;max-width:480px}}
@media screen and (max-width:${FULL_NARROW_BELOW_PX - 1}px){.full svg.wide{display:none}.full svg.narrow{display:block;max-width:520px}}
summary{cursor:pointer;padding:4px 0;color:var(--blue)}
.scroll{overflow:auto;max-height:460px;border:1px solid var(--grid);border-radius:4px;max-width:100%;width:fit-content}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:5px 9px;text-align:left;white-space:nowrap;border-bottom:1px solid var(--grid)}
.sentences td{white-space:normal;vertical-align:top}
thead th{position:sticky;top:0;background:var(--panel);font-weight:600}
tbody tr:last-child>*{border-bottom:0}
tbody th{font-weight:400}
.n{text-align:right}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:4px 18px;margin:0}
.facts dt{color:var(--muted)}
.facts dd{margin:0;overflow-wrap:anywhere}
@media (max-width:560px){.facts{grid-template-columns:minmax(0,1fr)}.facts dd{margin-bottom:8px}.verdict.alarm>p{font-size:1.35rem}}
pre{background:var(--panel);border:1px solid var(--grid);border-radius:4px;padding:10px 14px;white-space:pre-wrap;overflow-wrap:anywhere;font:.9rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre span{display:inline-block;max-width:100%}
main>section:first-child h2{margin-top:16px}
footer{padding-bottom:48px;margin-top:36px;color:var(--muted);font-size:.9rem}
@media print{nav,.skip{display:none}figure,.verdict,tr{break-inside:avoid}h2,h3{break-after:avoid}.scroll{max-height:none;overflow:visible}html{font-size:11px}body{font-size:1rem}.charts.pairs{grid-template-columns:repeat(2,minmax(0,1fr))}details:not([open]){display:none}}
`;
}

function variables(palette: Palette): string {
  return TONES.map((tone) => `--${tone}:${palette[tone]}`).join(';');
}
