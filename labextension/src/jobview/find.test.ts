import { describe, expect, it } from 'vitest';

import { COST_OF_A_LINE, Finder, patternOf, STRIDE } from './find';
import { LogStore } from './logstore';

function finder(text: string, query: string, options = {}): Finder {
  const store = new LogStore();
  store.append(text);
  const made = new Finder(
    store,
    patternOf({ text: query, matchCase: false, regex: false, ...options })
  );
  while (made.step());
  return made;
}

describe('searching a log', () => {
  it('finds text as it is, in any case unless that matters', () => {
    expect(finder('a.b\nA.B\naxb\n', 'a.b').count).toBe(2);
    expect(finder('a.b\nA.B\naxb\n', 'a.b', { matchCase: true }).count).toBe(1);
    expect(finder('a.b\nA.B\naxb\n', 'a.b', { regex: true }).count).toBe(3);
    expect(finder('[x](y)*\n', '[x](y)*').count).toBe(1);
  });

  it('finds what is seen, not the colours and what was written over', () => {
    expect(finder('\x1b[31mer\x1b[1mror\x1b[0m\n31m\nold\rnew\n', 'error').count).toBe(1);
    expect(finder('\x1b[31mer\x1b[1mror\x1b[0m\n', '31m').count).toBe(0);
    expect(finder('old\rnew\n', 'old').count).toBe(0);
  });

  it('finds no empty matches and ends', () => {
    expect(finder('aaa\nb\n', 'x*', { regex: true }).count).toBe(0);
    expect(finder('aaa\nb\n', 'a*', { regex: true }).count).toBe(1);
  });

  it('says what is wrong with a regular expression', () => {
    expect(() => patternOf({ text: '(', matchCase: false, regex: true })).toThrow(SyntaxError);
  });

  it('walks on and back from any place, match by match', () => {
    const found = finder('x x\n\nx\nno\nx\n', 'x');
    expect(found.from(0, 0)).toEqual({ line: 0, start: 0, end: 1 });
    expect(found.from(0, 1)).toEqual({ line: 0, start: 2, end: 3 });
    expect(found.from(0, 3)).toEqual({ line: 2, start: 0, end: 1 });
    expect(found.from(3, 0)?.line).toBe(4);
    expect(found.from(4, 1)).toBeNull();
    expect(found.upTo(4, 0)?.line).toBe(2);
    expect(found.upTo(2, 0)).toEqual({ line: 0, start: 2, end: 3 });
    expect(found.upTo(0, 2)).toEqual({ line: 0, start: 0, end: 1 });
    expect(found.upTo(0, 0)).toBeNull();
    expect(found.upTo(99, 0)?.line).toBe(4);
    expect([0, 2].map(start => found.ordinal({ line: 0, start, end: start + 1 }))).toEqual([1, 2]);
    expect(found.ordinal({ line: 4, start: 0, end: 1 })).toBe(4);
  });

  it('goes on with what is appended, and counts a line once it is finished', () => {
    const store = new LogStore();
    store.append('x\nx');
    const found = new Finder(store, /x/g);
    found.step();
    expect([found.count, found.done]).toEqual([1, true]);
    store.append('x\nx\n');
    expect(found.done).toBe(false);
    found.step();
    expect(found.count).toBe(4);
  });

  it('searches a million lines in strides, of which none looks at more than its share', () => {
    const store = new LogStore();
    store.append('some words of a job\n'.repeat(1_000_000));
    const lines = Math.ceil(STRIDE / (19 + COST_OF_A_LINE));
    let read = 0;
    const text = store.text.bind(store);
    store.text = line => {
      read++;
      return text(line);
    };
    const found = new Finder(store, patternOf({ text: 'words', matchCase: true, regex: false }));
    let strides = 1;
    for (; found.step(); strides++) expect(read).toBe(strides * lines);
    expect([strides, read, found.count]).toEqual([
      Math.ceil(1_000_000 / lines),
      1_000_000,
      1_000_000
    ]);
    expect(found.ordinal({ line: 765_432, start: 5, end: 10 })).toBe(765_433);
    expect(read).toBeLessThan(1_000_010);
  });

  it('forgets the lines that are not kept any more', () => {
    const store = new LogStore(1 << 18);
    const found = new Finder(store, /line/g);
    for (let at = 0; at < 100_000; at++) {
      store.append(`line ${at}\n`);
      if (at % 1_000 === 0) found.step();
    }
    while (found.step());
    expect(store.first).toBeGreaterThan(0);
    expect(found.count).toBe(store.length - store.first);
    expect(found.from(0, 0)?.line).toBe(store.first);
    expect(found.upTo(store.first, 0)).toBeNull();
    expect(found.ordinal({ line: store.first, start: 0, end: 4 })).toBe(1);
  });
});
