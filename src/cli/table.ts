/** One column of a table. */
export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
  /** Colours a cell; the text is already cut and padded. */
  readonly paint?: (cell: string, row: T) => string;
}

const gap = "  ";

/**
 * Rows under titles, in columns as wide as their widest cell. The last column is cut where the
 * table is wider than `width`; null is no limit.
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
  const before = widths.slice(0, -1).reduce((sum, each) => sum + each + gap.length, 0);
  const room = width === null ? Infinity : Math.max(8, width - before);
  const fit = (cell: string, index: number) =>
    index < columns.length - 1 ? cell.padEnd(widths[index]!) : cut(cell, room);
  const header = columns.map((column, index) => fit(column.title, index)).join(gap);
  const lines = rows.map((row, line) =>
    columns
      .map((column, index) => {
        const cell = fit(cells[line]![index]!, index);
        return column.paint ? column.paint(cell, row) : cell;
      })
      .join(gap)
      .trimEnd(),
  );
  return [header.trimEnd(), ...lines].join("\n");
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
