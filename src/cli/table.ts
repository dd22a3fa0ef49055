/** One column of a table. */
export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
  /** Colours a cell; the text is already cut and padded. */
  readonly paint?: (cell: string, row: T) => string;
}

const gap = "  ";

/** A column narrower than this says nothing. */
const narrowest = 8;

/**
 * Rows under titles, in columns as wide as their widest cell. Where the table is wider than
 * `width`, its last columns are left out and the one before them is cut; null is no limit.
 */
export function table<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  width: number | null,
): string {
  const cells = rows.map((row) => columns.map((column) => column.value(row)));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => line[index]!.length)),
  );
  const { shown, room } = fit(widths, width ?? Infinity);
  const put = (cell: string, index: number) =>
    index < shown - 1 ? cell.padEnd(widths[index]!) : cut(cell, room);
  const header = columns.slice(0, shown).map((column, index) => put(column.title, index));
  const lines = rows.map((row, line) =>
    columns.slice(0, shown).map((column, index) => {
      const cell = put(cells[line]![index]!, index);
      return column.paint ? column.paint(cell, row) : cell;
    }),
  );
  return [header, ...lines].map((line) => line.join(gap).trimEnd()).join("\n");
}

/** How many columns can be shown, and how wide the last of them may be. */
function fit(widths: readonly number[], width: number): { shown: number; room: number } {
  let shown = widths.length;
  const before = () => widths.slice(0, shown - 1).reduce((sum, each) => sum + each + gap.length, 0);
  while (shown > 1 && before() + Math.min(narrowest, widths[shown - 1]!) > width) shown -= 1;
  return { shown, room: width - before() };
}

/** Names beside values, aligned; a null value shows as "-". */
export function fields(pairs: readonly (readonly [string, string | number | null])[]): string {
  const widest = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => `${name.padEnd(widest)}${gap}${value === null ? "-" : value}`)
    .join("\n");
}

/** At most `room` characters, the last an ellipsis where something is missing. */
export function cut(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}…`;
}
