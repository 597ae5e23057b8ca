import { describe, expect, it } from 'vitest';

import { drawn, MARGIN, rowAfter, scrolledTo } from './windowing';

const HEIGHT = 40;

describe('rows that are drawn', () => {
  it('are a few, wherever in 5,000 rows one looks, and cover what is seen', () => {
    for (let top = 0; top <= 5_000 * HEIGHT - 400; top += 777) {
      const { first, end } = drawn({ top, height: 400 }, HEIGHT, 5_000);
      expect(first * HEIGHT).toBeLessThanOrEqual(top);
      expect(end * HEIGHT).toBeGreaterThanOrEqual(top + 400);
      expect(end - first).toBeLessThanOrEqual(10 + 1 + 2 * MARGIN);
    }
  });

  it('are all rows of a short list', () => {
    expect(drawn({ top: 0, height: 400 }, HEIGHT, 3)).toEqual({ first: 0, end: 3 });
  });

  it('are none of an empty list, or while nothing has been measured', () => {
    expect(drawn({ top: 0, height: 400 }, HEIGHT, 0)).toEqual({ first: 0, end: 0 });
    expect(drawn({ top: 0, height: 400 }, 0, 9)).toEqual({ first: 0, end: 0 });
  });

  it('are the last ones when the list has become shorter than it is scrolled', () => {
    const { first, end } = drawn({ top: 9_000, height: 400 }, HEIGHT, 20);
    expect(end).toBe(20);
    expect(first).toBeLessThan(20);
  });

  it('stay few if the list is as high as all of its rows', () => {
    const { first, end } = drawn({ top: 0, height: 5_000 * HEIGHT }, HEIGHT, 5_000);
    expect(end - first).toBeLessThan(300);
  });
});

describe('scrolling to a row', () => {
  const sight = { top: 400, height: 400 };

  it('moves nothing if the row is in sight', () => {
    expect(scrolledTo(10, sight, HEIGHT)).toBe(400);
    expect(scrolledTo(19, sight, HEIGHT)).toBe(400);
  });

  it('moves just as far as is needed', () => {
    expect(scrolledTo(9, sight, HEIGHT)).toBe(360);
    expect(scrolledTo(20, sight, HEIGHT)).toBe(440);
  });

  it('shows the top of a row that is higher than the list', () => {
    expect(scrolledTo(7, { top: 0, height: 20 }, HEIGHT)).toBe(280);
  });
});

describe('keys', () => {
  const sight = { top: 0, height: 400 };

  it.each([
    ['ArrowDown', 5, 6],
    ['ArrowDown', 99, 99],
    ['ArrowUp', 5, 4],
    ['ArrowUp', 0, 0],
    ['PageDown', 5, 14],
    ['PageUp', 5, 0],
    ['Home', 50, 0],
    ['End', 50, 99]
  ])('%s in row %i leads to row %i', (key, row, next) => {
    expect(rowAfter(key, row, sight, HEIGHT, 100)).toBe(next);
  });

  it('that mean something else lead nowhere, as all do in an empty list', () => {
    expect(rowAfter('Enter', 5, sight, HEIGHT, 100)).toBeNull();
    expect(rowAfter('End', 0, sight, HEIGHT, 0)).toBeNull();
  });
});
