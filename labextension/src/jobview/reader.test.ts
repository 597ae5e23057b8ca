import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '../colony/api';
import type { ILogPage } from '../colony/types';
import { LogStore } from './logstore';
import { LogReader } from './reader';

/** A log that the test writes, page by page; it may refuse. */
class Source {
  asked: string[] = [];
  text = '';
  complete = false;
  refusal: ApiError | null = null;

  ask = (cursor: string, size: number): Promise<ILogPage> => {
    this.asked.push(cursor);
    if (this.refusal) return Promise.reject(this.refusal);
    const begin = Number(cursor || 0);
    const text = this.text.slice(begin, begin + Math.min(size, 8));
    const more = begin + text.length < this.text.length;
    return Promise.resolve({
      text,
      more,
      cursor: String(begin + text.length),
      complete: this.complete
    });
  };
}

function reading(): { source: Source; store: LogStore; reader: LogReader } {
  const [source, store] = [new Source(), new LogStore()];
  return { source, store, reader: new LogReader(source.ask, store) };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('reading a log', () => {
  it('asks nobody while nobody looks', async () => {
    const { source, reader } = reading();
    reader.setState('running');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(source.asked).toEqual([]);
  });

  it('reads all that there is at once, then each second what came', async () => {
    const { source, store, reader } = reading();
    source.text = 'one\ntwo\nthree\nfour\n';
    reader.setVisible(true);
    await vi.advanceTimersByTimeAsync(10);
    expect([source.asked.length, store.length]).toEqual([3, 4]);

    source.text += 'five\n';
    await vi.advanceTimersByTimeAsync(1_000);
    expect([source.asked.length, store.text(4)]).toEqual([4, 'five']);
  });

  it('stops when the log is complete, and when nobody looks any more', async () => {
    const { source, store, reader } = reading();
    reader.setVisible(true);
    await vi.advanceTimersByTimeAsync(0);
    reader.setVisible(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(source.asked).toHaveLength(1);

    source.text = 'last';
    source.complete = true;
    reader.setVisible(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([source.asked.length, reader.complete, store.settled]).toEqual([2, true, 1]);
  });

  it('hardly asks for a job that waits, and at once when that starts', async () => {
    const { source, reader } = reading();
    reader.setState('waiting');
    reader.setVisible(true);
    await vi.advanceTimersByTimeAsync(4_900);
    expect(source.asked).toHaveLength(1);
    reader.setState('running');
    await vi.advanceTimersByTimeAsync(0);
    expect(source.asked).toHaveLength(2);
  });

  it('goes on where it was after an error: nothing is lost and nothing comes twice', async () => {
    const { source, store, reader } = reading();
    source.text = 'one\n';
    reader.setVisible(true);
    await vi.advanceTimersByTimeAsync(0);
    source.refusal = new ApiError(502, 'The colony does not answer.');
    source.text += 'two\n';
    await vi.advanceTimersByTimeAsync(30_000);
    expect(reader.trouble?.message).toBe('The colony does not answer.');
    expect(source.asked.length).toBeLessThan(10);

    source.refusal = null;
    reader.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(reader.trouble).toBeNull();
    expect([0, 1].map(line => store.text(line))).toEqual(['one', 'two']);
    expect(store.length).toBe(2);
  });

  it('does not insist where it was refused, until it is told to', async () => {
    const { source, reader } = reading();
    source.refusal = new ApiError(404, 'There is no such job.', '');
    reader.setVisible(true);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(source.asked).toHaveLength(1);
    reader.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(source.asked).toHaveLength(2);
  });

  it('asks one question at a time, however often it is hurried', async () => {
    const { source, reader } = reading();
    reader.setVisible(true);
    for (let times = 0; times < 10; times++) reader.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(source.asked).toHaveLength(1);
  });
});
