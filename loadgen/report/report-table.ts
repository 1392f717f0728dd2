// What a table is, whatever it is drawn as.

/** A table: a title, column heads and rows of text. */
export interface ReportTable {
  title: string;
  heads: string[];
  rows: string[][];
}
