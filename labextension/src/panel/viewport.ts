/** What is seen of a list of equally high rows, measured in the page. */

import * as React from 'react';

import { drawn, type IRange, type ISight } from './windowing';

export interface IViewport {
  /** The element that scrolls. */
  grid: React.RefObject<HTMLDivElement>;
  /** An invisible row, by which the height of rows is known whatever the theme and its fonts. */
  probe: React.RefObject<HTMLDivElement>;
  /** Zero until it has been measured. */
  rowHeight: number;
  /** The rows to draw. */
  range: IRange;
  sight: () => ISight;
  /** Measure again. */
  look: () => void;
}

export function useViewport(count: number): IViewport {
  const grid = React.useRef<HTMLDivElement>(null);
  const probe = React.useRef<HTMLDivElement>(null);
  const [rowHeight, setRowHeight] = React.useState(0);
  const [range, setRange] = React.useState<IRange>({ first: 0, end: 0 });

  const sight = React.useCallback(
    (): ISight => ({
      top: grid.current?.scrollTop ?? 0,
      height: grid.current?.clientHeight ?? 0
    }),
    []
  );
  const look = React.useCallback((): void => {
    const height = probe.current?.offsetHeight ?? 0;
    const next = drawn(sight(), height, count);
    setRowHeight(height);
    setRange(before => (before.first === next.first && before.end === next.end ? before : next));
  }, [count, sight]);

  React.useLayoutEffect(() => {
    const observer = new ResizeObserver(look);
    if (grid.current) observer.observe(grid.current);
    if (probe.current) observer.observe(probe.current);
    look();
    return () => observer.disconnect();
  }, [look]);

  return { grid, probe, rowHeight, range, sight, look };
}
