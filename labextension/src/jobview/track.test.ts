import { describe, expect, it } from 'vitest';

import { Track } from './track';

const ROW = 17;
const WINDOW = 680;

function track(rows: number): Track {
  const made = new Track();
  made.resize(rows * ROW, WINDOW);
  return made;
}

describe('scrolling', () => {
  it('of what a browser can show is what the bar says', () => {
    const few = track(1_000);
    few.moved(1_234);
    expect([few.height, few.top, few.bar]).toEqual([17_000, 1_234, 1_234]);
    few.moved(17_000 - WINDOW);
    expect(few.atEnd).toBe(true);
  });

  it('keeps elements below what browsers allow', () => {
    expect(track(1_000_000).height).toBe(4_000_000);
    expect(track(100_000_000).height).toBe(4_000_000);
  });

  it('through a million rows by a wheel moves by as much as the wheel', () => {
    const many = track(1_000_000);
    many.moveTo(8_000_000);
    for (const distance of [100, 100, -53, 3]) {
      const top = many.top;
      many.moved(many.bar + distance);
      expect(many.top).toBeCloseTo(top + distance, 3);
    }
  });

  it('by a wheel alone reaches the first and the last row, and every one between', () => {
    const many = track(400_000);
    let before = -1;
    let steps = 0;
    for (; !many.atEnd; steps++) {
      expect(many.top - before).toBeLessThanOrEqual(WINDOW);
      before = many.top;
      many.moved(Math.min(many.bar + 600, many.height - WINDOW));
    }
    expect(steps).toBeLessThan((400_000 * ROW) / 600 + 10);
    expect(many.height - WINDOW - many.bar).toBeLessThan(2);
    while (many.top > 0) many.moved(Math.max(many.bar - 600, 0));
    expect(many.bar).toBe(0);
  });

  it('by the bar goes to the share that it shows, and to both ends', () => {
    const many = track(1_000_000);
    const end = many.height - WINDOW;
    many.moved(end / 2);
    expect(many.top).toBeCloseTo((1_000_000 * ROW - WINDOW) / 2, 0);
    many.moved(end);
    expect(many.atEnd).toBe(true);
    many.moved(0);
    expect(many.top).toBe(0);
  });

  it('stays where it is when rows come, and within them when the window grows', () => {
    const many = track(1_000_000);
    many.moveTo(5_000_000);
    many.resize(1_200_000 * ROW, WINDOW);
    expect(many.top).toBe(5_000_000);
    many.moveTo(Infinity);
    many.resize(1_200_000 * ROW, 2 * WINDOW);
    expect(many.top).toBe(1_200_000 * ROW - 2 * WINDOW);
    many.resize(10, WINDOW);
    expect([many.top, many.bar, many.atEnd]).toEqual([0, 0, true]);
  });
});
