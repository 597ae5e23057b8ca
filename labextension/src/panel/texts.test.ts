import { nullTranslator } from '@jupyterlab/translation';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { IExecutor, IJob } from '../colony/types';
import { clock } from './clock';
import { age, span, spent } from './durations';
import { matching } from './executorfilter';
import { spans } from './spans';

const trans = nullTranslator.load('pollinator_magic');

describe('spans of time', () => {
  it.each([
    [-5_000, '0 s'],
    [0, '0 s'],
    [12_999, '12 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_599_999, '59 min'],
    [3_600_000, '1 h'],
    [47 * 3_600_000, '47 h'],
    [48 * 3_600_000, '2 d']
  ])('%i ms are %s', (ms, text) => {
    expect(span(ms, trans)).toBe(text);
  });

  it('in the past are so long ago', () => {
    expect(age(200_000, trans)).toBe('3 min ago');
    expect(age(59_999, trans)).toBe('just now');
    expect(age(-9_000, trans)).toBe('just now');
  });
});

describe('for how long a job has been what it is', () => {
  const times = (
    state: IJob['state'],
    submitted: number | null,
    started: number | null,
    ended: number | null
  ): IJob => ({ state, submitted, started, ended }) as IJob;

  it('grows while it waits or runs', () => {
    expect(spent(times('waiting', 1_000, null, null), 4_000)).toBe(3_000);
    expect(spent(times('running', 1_000, 2_000, null), 4_000)).toBe(2_000);
  });

  it('is how long it ran when it has ended', () => {
    expect(spent(times('failed', 0, 1_000, 2_000), 9_000)).toBe(1_000);
  });

  it('is nothing for a job that never ran', () => {
    expect(spent(times('cancelled', 1_000, null, 9_000), 9_000)).toBeNull();
  });

  it('is never less than nothing, whatever the clocks say', () => {
    expect(spent(times('running', 0, 5_000, null), 4_000)).toBe(0);
  });
});

describe('the search for executors', () => {
  const executors = [
    {
      name: 'lumi-std',
      type: 'hpc',
      place: 'Kajaani',
      condition: 'idle',
      hardware: '64 CPU',
      gpu: ''
    },
    {
      name: 'lumi-gpu',
      type: 'hpc',
      place: 'Kajaani',
      condition: 'busy',
      hardware: '8 CPU',
      gpu: '8 x MI250X'
    },
    { name: 'desk', type: 'process', place: '', condition: 'idle', hardware: '', gpu: '' }
  ] as IExecutor[];
  const names = (text: string): string[] => matching(executors, text).map(({ name }) => name);

  it('finds every word anywhere, in small or capital letters', () => {
    expect(names('HPC mi250')).toEqual(['lumi-gpu']);
    expect(names('kajaani')).toEqual(['lumi-std', 'lumi-gpu']);
    expect(names('idle lumi')).toEqual(['lumi-std']);
  });

  it('finds all without words, and none for words that are nowhere', () => {
    expect(names('  ')).toHaveLength(3);
    expect(names('lumi desk')).toEqual([]);
  });
});

describe('sentences with code in them', () => {
  it('are divided at backticks', () => {
    expect(spans('Run `a b`, then `c`.')).toEqual([
      { text: 'Run ', code: false },
      { text: 'a b', code: true },
      { text: ', then ', code: false },
      { text: 'c', code: true },
      { text: '.', code: false }
    ]);
  });

  it('keep backticks that stand alone, and markup as text', () => {
    expect(spans('a ` b')).toEqual([{ text: 'a ` b', code: false }]);
    expect(spans('<b>`')).toEqual([{ text: '<b>`', code: false }]);
    expect(spans('``')).toEqual([{ text: '``', code: false }]);
    expect(spans('')).toEqual([]);
  });
});

describe('the clock', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('has one timer for all that tick at the same pace, and none for nobody', () => {
    const ticks = vi.fn();
    const ends = Array.from({ length: 50 }, () => clock.every(1_000, ticks));
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(2_000);
    expect(ticks).toHaveBeenCalledTimes(2); // the same function ticks once
    for (const end of ends) end();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('goes on for those who stay', () => {
    const [stays, goes] = [vi.fn(), vi.fn()];
    const end = clock.every(1_000, stays);
    clock.every(1_000, goes)();
    vi.advanceTimersByTime(1_000);
    expect([stays.mock.calls.length, goes.mock.calls.length]).toEqual([1, 0]);
    end();
  });
});
