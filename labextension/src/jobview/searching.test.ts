import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { textBetween } from './copying';
import { LogStore } from './logstore';
import { Searching } from './searching';

function search(text: string): { store: LogStore; searching: Searching; arrived: number[] } {
  const store = new LogStore();
  store.append(text);
  const searching = new Searching(store);
  const arrived: number[] = [];
  searching.arrived.connect((_, match) => void arrived.push(match.line));
  return { store, searching, arrived };
}

function asked(text: string): { text: string; matchCase: boolean; regex: boolean } {
  return { text, matchCase: false, regex: false };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('a search', () => {
  it('goes to the first match from where one looks, and around both ends', () => {
    const { searching, arrived } = search('x\n\nx\n\nx\n');
    searching.ask(asked('x'), 1);
    vi.runAllTimers();
    for (let times = 0; times < 3; times++) searching.next(0);
    searching.previous(0);
    searching.previous(0);
    expect(arrived).toEqual([2, 4, 0, 2, 0, 4]);
    expect([searching.ordinal, searching.count, searching.done]).toEqual([3, 3, true]);
  });

  it('stays at its match while more of the word is typed, and goes on where that does not fit', () => {
    const { searching, arrived } = search('er\nerror\nermine\nerror\n');
    for (const text of ['e', 'er', 'err', 'erm']) {
      searching.ask(asked(text), 0);
      vi.runAllTimers();
    }
    expect(arrived).toEqual([0, 0, 1, 2]);
  });

  it('finds a match far away piece by piece, and shows it when it is known which one is next', () => {
    const { searching, arrived } = search(`x\n${'nothing\n'.repeat(100_000)}x\n`);
    searching.ask(asked('x'), 1);
    expect(arrived).toEqual([]);
    vi.advanceTimersByTime(0);
    expect([searching.count, searching.done]).toEqual([1, false]);
    searching.previous(50_000);
    expect(arrived).toEqual([]);
    vi.runAllTimers();
    expect(arrived).toEqual([0]);
    expect([searching.count, searching.done]).toEqual([2, true]);
  });

  it('goes on with what comes, without leaving its match', () => {
    const { store, searching, arrived } = search('x\n');
    searching.ask(asked('x'), 0);
    vi.runAllTimers();
    store.append('x\nx\n');
    searching.advance();
    vi.runAllTimers();
    expect([arrived, searching.ordinal, searching.count]).toEqual([[0], 1, 3]);
  });

  it('says what is wrong with an expression, and finds nothing by it', () => {
    const { searching } = search('x\n');
    searching.ask({ text: '(', matchCase: false, regex: true }, 0);
    expect(searching.problem).not.toBe('');
    expect([searching.found, searching.count]).toEqual([null, 0]);
    searching.ask(asked('('), 0);
    expect(searching.problem).toBe('');
  });
});

describe('copying', () => {
  const { store } = search('one\n\x1b[31mtwo\x1b[0m\nold\rthree\n');

  it('takes what is seen between two places, in either order', () => {
    const [from, to] = [
      { line: 0, column: 1 },
      { line: 2, column: 3 }
    ];
    expect(textBetween(store, from, to)).toEqual({ text: 'ne\ntwo\nthr', lines: 3 });
    expect(textBetween(store, to, from).text).toBe('ne\ntwo\nthr');
    const end = { line: 1, column: Infinity };
    expect(textBetween(store, { line: 1, column: 0 }, end)).toEqual({ text: 'two', lines: 1 });
  });

  it('ends where nobody wants more on a clipboard', () => {
    const all = { line: 2, column: Infinity };
    expect(textBetween(store, { line: 0, column: 0 }, all, 5)).toEqual({
      text: 'one\ntwo',
      lines: 2
    });
  });
});
