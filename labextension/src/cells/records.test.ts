import type { ICodeCellModel } from '@jupyterlab/cells';
import type { PartialJSONObject } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import { beforeEach, expect, it, vi } from 'vitest';

import { ApiError } from '../colony/api';
import type { IJob, State } from '../colony/types';
import { cardOf, type ICard } from './card';
import type { Cards } from './cards';
import type { Jobs } from './jobs';
import { Records, type IRecordsOptions } from './records';

const IDS = Array.from({ length: 150 }, (_, number) =>
  `${number}`.padStart(12, 'a').padEnd(64, '0')
);
const NAMES = IDS.map(id => id.slice(0, 12));

/** A cell whose output is the card of a large sweep. */
function cellOf(mark: PartialJSONObject): { cell: ICodeCellModel; shown: unknown[] } {
  const shown: unknown[] = [{ metadata: { pollinator: mark } }];
  const outputs = {
    length: 1,
    get: () => shown[0],
    set: (_: number, output: unknown) => void (shown[0] = output)
  };
  return { cell: { outputs } as unknown as ICodeCellModel, shown };
}

interface IGiven {
  shown: unknown[];
  /** The jobs of each request. */
  asked: string[][];
  records: Records;
  /** Say that the cell's outputs have changed. */
  touch: () => void;
  /** Say how the jobs are, as after a reset of the connection. */
  tell: () => void;
}

/** `trouble` is what a request is answered with, by its number. */
function recordsOf(
  mark: PartialJSONObject,
  state: State,
  trouble: (number: number) => Error | null = () => null
): IGiven {
  const { cell, shown } = cellOf(mark);
  const asked: string[][] = [];
  const cards = {
    cells: [cell],
    of: () => [cardOf((shown[0] as { metadata: PartialJSONObject }).metadata) as ICard]
  } as unknown as Cards;
  const touched = new Signal<Cards, ICodeCellModel>(cards);
  Object.assign(cards, { arrived: new Signal(cards), changed: touched });
  const jobs = {
    want: vi.fn(),
    get: (name: string) => ({ id: name, state: name === NAMES[0] ? state : 'success' }) as IJob
  } as unknown as Jobs;
  const told = new Signal<Jobs, readonly IJob[]>(jobs);
  Object.assign(jobs, { changed: told });
  const panel = { isDisposed: false, context: { model: { dirty: true } }, sessionContext: {} };
  Object.assign(panel.sessionContext, {
    statusChanged: new Signal(panel),
    kernelChanged: new Signal(panel)
  });
  const api = {
    groupRecord: (names: string[]) => {
      asked.push(names);
      const error = trouble(asked.length);
      if (error) return Promise.reject(error);
      return Promise.resolve({ closed: true, html: '<b>150 jobs</b>', text: '150 jobs' });
    }
  };
  const given = { panel, cards, jobs, api, contents: {} } as unknown as IRecordsOptions;
  return {
    shown,
    asked,
    records: new Records(given),
    touch: () => touched.emit(cell),
    tell: () => told.emit([{ id: IDS[0], state } as IJob])
  };
}

beforeEach(() => {
  vi.useRealTimers();
});

it('sets the record of a large sweep right when all of its jobs are over', async () => {
  const { shown, asked } = recordsOf({ jobs: NAMES, count: 150 }, 'failed');

  await vi.waitFor(() =>
    expect(shown[0]).toMatchObject({
      data: { 'text/plain': '150 jobs' },
      metadata: { pollinator: { jobs: NAMES, count: 150, final: true } }
    })
  );
  expect(asked).toEqual([NAMES]);
});

it('leaves a sweep alone of which a job is open, or not all jobs are named', async () => {
  const open = recordsOf({ jobs: NAMES, count: 150 }, 'running');
  const partial = recordsOf({ jobs: IDS.slice(0, 100), count: 150 }, 'success');

  await new Promise(resolve => setTimeout(resolve));

  expect([open.asked, partial.asked]).toEqual([[], []]);
});

const away = (): Error => new ApiError(502, 'The colony does not answer.');

it('asks again for a record that could not be had, after pauses that grow, and whatever the cell does meanwhile', async () => {
  vi.useFakeTimers();
  const { shown, asked, touch } = recordsOf({ jobs: NAMES, count: 150 }, 'failed', number =>
    number < 5 ? away() : null
  );
  const times: number[] = [];
  for (let second = 0; second < 100; second++) {
    const before = asked.length;
    touch();
    await vi.advanceTimersByTimeAsync(1_000);
    if (asked.length > before) times.push(second);
  }

  expect(asked.length).toBe(5);
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  expect(pauses).toEqual([...pauses].sort((one, other) => one - other));
  expect(new Set(pauses).size).toBe(4);
  expect(shown[0]).toMatchObject({ data: { 'text/plain': '150 jobs' } });
});

it('asks at once when the colony is back, and begins with short pauses again', async () => {
  vi.useFakeTimers();
  const { asked, tell } = recordsOf({ jobs: NAMES, count: 150 }, 'failed', () => away());
  await vi.advanceTimersByTimeAsync(60_000);
  const before = asked.length;

  tell();
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.length).toBe(before + 1);
  await vi.advanceTimersByTimeAsync(6_000);
  expect(asked.length).toBe(before + 2);
});

it('does not ask again for what was refused, or when the notebook is closed', async () => {
  vi.useFakeTimers();
  const refused = recordsOf({ jobs: NAMES, count: 150 }, 'failed', () => new ApiError(404, 'gone'));
  const closed = recordsOf({ jobs: NAMES, count: 150 }, 'failed', () => away());
  await vi.advanceTimersByTimeAsync(0);
  closed.records.dispose();
  await vi.advanceTimersByTimeAsync(3_600_000);

  expect([refused.asked.length, closed.asked.length]).toEqual([1, 1]);
});
