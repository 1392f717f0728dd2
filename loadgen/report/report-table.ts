// The form of a table before it is drawn: in the terminal, in Markdown or on a page.

/** A table: a title, column heads and rows of text. */
export interface ReportTable {
  title: string;
  heads: string[];
  rows: string[][];
  /** Columns' widths in characters where cells hold sentences, which the terminal then breaks into lines. */
  widths?: number[];
}
