import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Counter, TooSlow, type Thread } from './counter';
import { answer, type IAnswer, type IQuestion } from './counting';
import { LogStore } from './logstore';
import { Searching } from './searching';

/** A thread that answers, or is at it for ever. */
class Fake implements Thread {
  constructor(
    private readonly took: number,
    private readonly ends: boolean
  ) {
    threads.push(this);
  }
  terminated = false;
  onmessage: Thread['onmessage'] = null;
  onerror: Thread['onerror'] = null;

  postMessage(question: IQuestion): void {
    asked.push(question.texts.length);
    if (!this.ends) return;
    const told: IAnswer = { ...answer(question), took: this.took };
    setTimeout(() => {
      this.onmessage?.call(this as never, { data: told } as MessageEvent<IAnswer>);
    });
  }

  terminate(): void {
    this.terminated = true;
  }
}

let threads: Fake[] = [];
let asked: number[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  threads = [];
  asked = [];
});
afterEach(() => vi.useRealTimers());

function search(text: string, took = 1, ends = true): Searching {
  const store = new LogStore();
  store.append(text);
  return new Searching(store, new Counter(() => new Fake(took, ends)));
}

const expression = (text: string): { text: string; matchCase: boolean; regex: boolean } => ({
  text,
  matchCase: false,
  regex: true
});

it('a thread counts what it finds in each line, and nothing that is empty', () => {
  const texts = ['abab', '', 'B'];
  expect(answer({ source: 'b', flags: 'gi', texts }).counts).toEqual([2, 0, 1]);
  expect(answer({ source: 'x*', flags: 'g', texts }).counts).toEqual([0, 0, 0]);
});

it('expressions are searched for in a thread, a piece at a time, to the end', async () => {
  const searching = search(`${'nothing\n'.repeat(2_000)}x1\nx2\n`);
  const arrived: number[] = [];
  searching.arrived.connect((_, match) => void arrived.push(match.line));

  searching.ask(expression('x\\d'), 0);
  expect(searching.found?.matches(2_000)).toBeNull();
  await vi.runAllTimersAsync();

  expect([searching.count, searching.done, arrived]).toEqual([2, true, [2_000]]);
  expect(searching.found?.matches(2_000)).toEqual([{ line: 2_000, start: 0, end: 2 }]);
  expect(asked.length).toBeGreaterThan(1);
  expect(threads).toHaveLength(1);
});

it('plain text is searched for without a thread', async () => {
  const searching = search('x\n');
  searching.ask({ text: 'x', matchCase: false, regex: false }, 0);
  await vi.runAllTimersAsync();
  expect([searching.count, threads.length]).toEqual([1, 0]);
});

it.each([
  ['that does not end', 1, false],
  ['that is slow', 10_000, true]
])('a search %s is given up, and the next one begins anew', async (_, took, ends) => {
  const searching = search('aaa\n', took, ends);
  searching.ask(expression('(a+)+$'), 0);
  await vi.runAllTimersAsync();

  expect([searching.tooSlow, searching.found, searching.count]).toEqual([true, null, 0]);
  expect(threads[0]?.terminated).toBe(true);

  searching.ask({ text: 'a', matchCase: false, regex: false }, 0);
  await vi.runAllTimersAsync();
  expect([searching.tooSlow, searching.count]).toEqual([false, 3]);
});

it('whoever types on does not wait for what was typed before', async () => {
  const searching = search('aaa\n', 1, false);
  searching.ask(expression('(a+)+$'), 0);
  await vi.advanceTimersByTimeAsync(1);
  expect(threads[0]?.terminated).toBe(false);

  searching.ask(expression('(a+)+'), 0);
  await vi.advanceTimersByTimeAsync(1);

  expect(threads.map(thread => thread.terminated)).toEqual([true, false]);
  expect(searching.tooSlow).toBe(false);
  searching.dispose();
  expect(threads[1]?.terminated).toBe(true);
});

it('says so where the browser starts no thread', async () => {
  const counter = new Counter(() => {
    throw new Error('Not here.');
  });
  await expect(counter.count(/a/g, ['a'])).rejects.toThrow('Not here.');
  await expect(counter.count(/a/g, ['a'])).rejects.not.toBeInstanceOf(TooSlow);
});
