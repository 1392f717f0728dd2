// A report for the terminal. Knows how a table is drawn; what is said comes from content.ts.

import Table from 'cli-table3';

import type { ReportContent } from './content.js';
import type { ReportTable } from './report-table.js';

/** The report as text, without colours. */
export function renderTerminal(content: ReportContent): string {
  const tables = content.tables.map((table) => `${table.title}\n${renderTable(table)}`);
  const facts = content.facts.map(([name, text]) => `${name.padEnd(9)}${text}`);
  return [...tables, content.verdict.join('\n'), facts.join('\n')].join('\n\n');
}

function renderTable({ heads, rows, widths }: ReportTable): string {
  const colAligns = heads.map((_, column) => (column === 0 ? ('right' as const) : ('left' as const)));
  const wrapping = widths === undefined ? {} : { colWidths: widths, wordWrap: true };
  const table = new Table({ head: heads, colAligns, style: { head: [], border: [], compact: true }, ...wrapping });
  table.push(...rows);
  return table.toString();
}
