// A report for pasting: `report.md`, with the facts of the terminal table. What is said comes from content.ts.

import type { ReportContent } from './content.js';
import type { ReportTable } from './report-table.js';

/** What is around the contents. */
export interface MarkdownFrame {
  title: string;
  /** Pictures below the verdict, as paths from where the file is, with what they show. */
  pictures: readonly { file: string; shows: string }[];
}

/** The report as Markdown. */
export function renderMarkdown(
  content: ReportContent,
  { title, pictures }: MarkdownFrame = { title: 'Client parallelism', pictures: [] },
): string {
  const verdict = content.verdict.map((line) => `- ${escapeMarkup(line.trim().replace(/\s{2,}/, ': '))}`).join('\n');
  const facts = content.facts.map(([name, text]) => `- **${name}**: ${escapeMarkup(text)}`).join('\n');
  const tables = content.tables.map((table) => `## ${table.title}\n\n${renderTable(table)}`);
  const drawn = pictures.map(({ file, shows }) => `![${escapeMarkup(shows)}](${file})`);
  return `${[`# ${title}`, verdict, ...drawn, ...tables, '## The run', facts].join('\n\n')}\n`;
}

function renderTable({ heads, rows }: ReportTable): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => escapeMarkup(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Markdown takes what looks like a tag for one, and a line break for the end of a row. */
function escapeMarkup(text: string): string {
  return text.replace(/<(?=[a-z/!?])/gi, '&lt;').replace(/\s*[\r\n]\s*/g, ' ');
}
