/** Which rows of a long list are drawn: all rows are equally high, and only those in sight, and a few around them, exist. */

export interface ISight {
  /** How far the list is scrolled, and how much of it is seen, in pixels. */
  top: number;
  height: number;
}

/** Rows from `first` up to, but without, `end`. */
export interface IRange {
  first: number;
  end: number;
}

/** Rows that are drawn beyond both edges, so that scrolling a little shows no gap. */
export const MARGIN = 8;

/** More rows than any screen shows; a list whose height is not known yet must not draw them all. */
const MOST = 200;

/** Return which of `count` rows to draw. */
export function drawn(sight: ISight, rowHeight: number, count: number): IRange {
  if (rowHeight <= 0 || count <= 0) return { first: 0, end: 0 };
  const seen = Math.min(Math.ceil(Math.max(sight.height, 0) / rowHeight) + 1, MOST);
  const top = Math.min(Math.floor(Math.max(sight.top, 0) / rowHeight), Math.max(count - 1, 0));
  return { first: Math.max(top - MARGIN, 0), end: Math.min(top + seen + MARGIN, count) };
}

/** Return how far to scroll so that a row is wholly in sight, moving as little as possible. */
export function scrolledTo(row: number, sight: ISight, rowHeight: number): number {
  const upper = row * rowHeight;
  const lower = upper + rowHeight - sight.height;
  if (upper < sight.top || rowHeight > sight.height) return upper;
  return Math.max(sight.top, lower);
}

/** Return the row that a key leads to, or null if the key leads nowhere. */
export function rowAfter(
  key: string,
  row: number,
  sight: ISight,
  rowHeight: number,
  count: number
): number | null {
  const page = Math.max(Math.floor(sight.height / rowHeight) - 1, 1);
  const moves: Record<string, number> = {
    ArrowUp: row - 1,
    ArrowDown: row + 1,
    PageUp: row - page,
    PageDown: row + page,
    Home: 0,
    End: count - 1
  };
  const wanted = moves[key];
  return wanted === undefined || count === 0 ? null : Math.max(0, Math.min(wanted, count - 1));
}
