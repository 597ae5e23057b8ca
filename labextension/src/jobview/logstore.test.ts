import { describe, expect, it } from 'vitest';

import { LogStore } from './logstore';

const MILLION = 1_000_000;

function texts(store: LogStore): string[] {
  return Array.from({ length: store.length - store.first }, (_, at) =>
    store.text(store.first + at)
  );
}

describe('the text of a log', () => {
  it('is lines, the last of which may not be finished', () => {
    const store = new LogStore();
    store.append('one\ntwo\nthr');
    expect([store.length, store.settled]).toEqual([3, 2]);
    expect(texts(store)).toEqual(['one', 'two', 'thr']);

    store.append('ee\n');
    expect([store.length, store.settled]).toEqual([3, 3]);
    expect(texts(store)).toEqual(['one', 'two', 'three']);
  });

  it('is the same in whatever pieces it comes', () => {
    const text = Array.from({ length: 300 }, (_, at) =>
      at % 3 ? `\x1b[3${at % 8}mline ${at}\r\n` : `1%\r50%\r\x1b[Kdone ${at}\x1b[0m\n`
    ).join('');
    const whole = new LogStore();
    whole.append(text);
    const rows = whole.rows(0, whole.length);
    for (const size of [1, 2, 7, 100, 4_096]) {
      const store = new LogStore();
      for (let at = 0; at < text.length; at += size) store.append(text.slice(at, at + size));
      expect(store.rows(0, store.length)).toEqual(rows);
    }
  });

  it('keeps its colour over lines, wherever one begins to look', () => {
    const store = new LogStore();
    store.append('\x1b[31mred\n' + 'still\n'.repeat(50_000) + '\x1b[0mplain\nend');
    const colours = (line: number): string | undefined =>
      store.rows(line, line + 1)[0]?.[0]?.style.colour;
    expect([0, 1, 25_000, 50_000, 50_001, 50_002].map(colours)).toEqual([
      '31',
      '31',
      '31',
      '31',
      '',
      ''
    ]);
  });

  it('ends with its last line, if that has any text', () => {
    const store = new LogStore();
    store.append('a\nb');
    store.finish();
    expect([store.length, store.settled]).toEqual([2, 2]);

    const coloured = new LogStore();
    coloured.append('a\n\x1b[0m');
    coloured.finish();
    expect(coloured.length).toBe(1);
  });

  it('of a progress bar that never ends a line stays small', () => {
    const store = new LogStore();
    for (let step = 0; step < 100_000; step++) store.append(`\r${step} of 100000`);
    expect(texts(store)).toEqual(['99999 of 100000']);
    expect(store.raw(0).length).toBeLessThan(100_000);

    store.append('\n');
    expect(store.weight).toBeLessThan(100);
    expect(texts(store)).toEqual(['99999 of 100000']);
  });

  it('keeps the colours of a line that was folded, and of those after it', () => {
    const store = new LogStore();
    store.append(`\x1b[32m${'x\r'.repeat(1_000)}y\n${'z'.repeat(50_000)}\nend\n`);
    expect(texts(store).map(text => text.slice(0, 5))).toEqual(['y', 'zzzzz', 'end']);
    expect(store.rows(0, 3).map(row => row[0]?.style.colour)).toEqual(['32', '32', '32']);
  });

  it('takes a million lines with as much work as it is long, a page or a line at a time', () => {
    const line = (at: number): string => `${at} \x1b[32mINFO\x1b[0m some words of a job\n`;
    const [paged, single] = [new LogStore(), new LogStore()];
    let [page, length] = ['', 0];
    for (let at = 0; at < MILLION; at++) {
      const text = line(at);
      single.append(text);
      page += text;
      length += text.length;
      if (page.length > 1 << 18) {
        paged.append(page);
        page = '';
      }
    }
    paged.append(page);
    for (const store of [paged, single]) {
      expect(store.length).toBe(MILLION);
      expect(store.examined).toBeLessThan(4 * length);
      expect(store.weight).toBe(length + 4 * MILLION);
      expect(store.text(765_432)).toBe('765432 INFO some words of a job');
    }
  });

  it('looks at no more than a block to show any lines of a million', () => {
    const store = new LogStore();
    store.append('some words of a job\n'.repeat(MILLION));
    const before = store.examined;
    for (const line of [0, 1, 499_999, 765_432, MILLION - 60]) {
      expect(store.rows(line, line + 60)).toHaveLength(60);
    }
    expect(store.examined - before).toBeLessThan(5 * (1 << 17));
  });

  it('lets go of what is oldest when the budget is used up, and keeps the numbers of lines', () => {
    const store = new LogStore(1 << 20);
    for (let at = 0; at < 200_000; at++) store.append(`line ${at}\n`);
    expect(store.length).toBe(200_000);
    expect(store.first).toBeGreaterThan(0);
    expect(store.weight).toBeLessThan((1 << 20) + (1 << 18));
    expect(store.text(store.first)).toBe(`line ${store.first}`);
    expect(store.text(199_999)).toBe('line 199999');
  });
});
