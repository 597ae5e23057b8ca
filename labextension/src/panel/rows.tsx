/**
 * A long list of equally high rows, of which only those in sight are in the page.
 *
 * It is a grid to assistive technology: one row is in the tab order; up and down lead from row to row, right and left to
 * the buttons of a row. What is seen stays where it is when rows come above it.
 */

import * as React from 'react';

import { useViewport } from './viewport';
import { rowAfter, scrolledTo, type IRange } from './windowing';

export interface IRowsProps<T> {
  label: string;
  /** Distinguishes the style, and with it the height, of the rows. */
  kind: string;
  count: number;
  /** Return the item of a row, or undefined while it is not there yet. */
  at: (row: number) => T | undefined;
  /** Return the row of an item, or -1. */
  rowOf: (id: string) => number;
  idOf: (item: T) => string;
  /** Return the cells of a row. */
  draw: (item: T) => React.ReactNode;
  onOpen: (item: T) => void;
  onMenu: (item: T, x: number, y: number) => void;
  onDelete?: (item: T) => void;
  onShow?: (range: IRange) => void;
}

interface IPlace {
  row: number;
  id: string | null;
}

export function Rows<T>(props: IRowsProps<T>): React.JSX.Element {
  const { count, at, rowOf, idOf, onShow } = props;
  const { grid, probe, rowHeight, range, sight, look } = useViewport(count);
  const anchor = React.useRef<IPlace>({ row: 0, id: null });
  const toFocus = React.useRef(false);
  const [active, setActive] = React.useState<IPlace>({ row: 0, id: null });
  // A row that goes away takes the focus with it; the row that comes in its place gets it.
  const hadFocus = grid.current?.contains(document.activeElement) ?? false;

  React.useEffect(() => onShow?.(range), [onShow, range]);

  const found = active.id === null ? -1 : rowOf(active.id);
  const activeRow = Math.max(Math.min(found >= 0 ? found : active.row, count - 1), 0);

  React.useLayoutEffect(() => {
    const node = grid.current;
    if (!node) return;
    const moved = anchor.current.id === null ? -1 : rowOf(anchor.current.id);
    if (moved >= 0 && moved !== anchor.current.row && node.scrollTop > 0) {
      node.scrollTop += (moved - anchor.current.row) * rowHeight;
    }
    remember();
    const lost = hadFocus && !node.contains(document.activeElement);
    if (toFocus.current || lost) {
      toFocus.current = false;
      node.querySelector<HTMLElement>(`[data-row="${activeRow}"]`)?.focus({ preventScroll: true });
    }
  });

  /** Remember which row is the first in sight. */
  const remember = (): void => {
    const row = rowHeight ? Math.floor(sight().top / rowHeight) : 0;
    const item = at(row);
    anchor.current = { row, id: item === undefined ? null : idOf(item) };
  };
  const activate = (row: number): void => {
    const item = at(row);
    setActive({ row, id: item === undefined ? null : idOf(item) });
  };
  const go = (row: number): void => {
    if (grid.current) grid.current.scrollTop = scrolledTo(row, sight(), rowHeight);
    toFocus.current = true;
    activate(row);
    look();
  };
  const onKeyDown = (event: React.KeyboardEvent<HTMLDivElement>): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const node = grid.current?.querySelector<HTMLElement>(`[data-row="${activeRow}"]`);
    const item = at(activeRow);
    const onRow = event.target === node;
    const next = rowAfter(event.key, activeRow, sight(), rowHeight, count);
    if (next !== null) go(next);
    else if (event.key === 'ArrowRight' && node) step(node, 1);
    else if (event.key === 'ArrowLeft' && node) step(node, -1);
    else if (event.key === 'Escape' && node && !onRow) node.focus();
    else if (item === undefined) return;
    else if (event.key === 'Enter' && onRow) props.onOpen(item);
    else if (event.key === 'Delete' && props.onDelete) props.onDelete(item);
    else if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) {
      const box = node?.getBoundingClientRect();
      if (box) props.onMenu(item, box.left + box.height / 2, box.top + box.height / 2);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      ref={grid}
      className="pollinator-Rows"
      role="grid"
      aria-label={props.label}
      aria-rowcount={count}
      onKeyDown={onKeyDown}
      onScroll={() => {
        look();
        remember();
      }}
    >
      <div ref={probe} className="pollinator-Row pollinator-Row-probe" data-kind={props.kind} />
      <div role="rowgroup" className="pollinator-Rows-all" style={{ height: count * rowHeight }}>
        {rowsOf(range, activeRow, count).map(row => {
          const item = at(row);
          return (
            <div
              key={item === undefined ? `row-${row}` : idOf(item)}
              className="pollinator-Row"
              data-kind={props.kind}
              data-row={row}
              data-id={item === undefined ? undefined : idOf(item)}
              role="row"
              aria-rowindex={row + 1}
              aria-selected={row === activeRow}
              aria-busy={item === undefined}
              tabIndex={row === activeRow ? 0 : -1}
              style={{ top: row * rowHeight }}
              onFocus={() => {
                if (row !== activeRow || active.id === null) activate(row);
              }}
              onDoubleClick={() => item !== undefined && props.onOpen(item)}
              onContextMenu={event => {
                if (item === undefined || event.shiftKey) return;
                event.preventDefault();
                event.stopPropagation();
                activate(row);
                props.onMenu(item, event.clientX, event.clientY);
              }}
            >
              {item === undefined ? <div role="gridcell">…</div> : props.draw(item)}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Return the rows to draw: those in sight, and the one in the tab order, which must not vanish by scrolling. */
function rowsOf(range: IRange, active: number, count: number): number[] {
  const rows = Array.from(
    { length: Math.max(Math.min(range.end, count) - range.first, 0) },
    (_, n) => range.first + n
  );
  if (active < count && !rows.includes(active)) rows.push(active);
  return rows;
}

/** Move the focus among a row and its buttons. */
function step(row: HTMLElement, by: 1 | -1): void {
  const stops = [row, ...row.querySelectorAll<HTMLElement>('button:not(:disabled)')];
  const now = stops.indexOf(document.activeElement as HTMLElement);
  stops[Math.max(0, Math.min(now + by, stops.length - 1))]?.focus();
}
