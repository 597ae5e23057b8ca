import type { ICodeCellModel } from '@jupyterlab/cells';
import type { PartialJSONObject } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import { expect, it, vi } from 'vitest';

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

function recordsOf(mark: PartialJSONObject, state: State): { shown: unknown[]; asked: string[][] } {
  const { cell, shown } = cellOf(mark);
  const asked: string[][] = [];
  const cards = {
    cells: [cell],
    of: () => [cardOf({ pollinator: mark }) as ICard]
  } as unknown as Cards;
  Object.assign(cards, { arrived: new Signal(cards), changed: new Signal(cards) });
  const jobs = {
    want: vi.fn(),
    get: (name: string) => ({ id: name, state: name === NAMES[0] ? state : 'success' }) as IJob
  } as unknown as Jobs;
  Object.assign(jobs, { changed: new Signal(jobs) });
  const panel = { isDisposed: false, context: { model: { dirty: true } }, sessionContext: {} };
  Object.assign(panel.sessionContext, {
    statusChanged: new Signal(panel),
    kernelChanged: new Signal(panel)
  });
  const api = {
    groupRecord: (names: string[]) => {
      asked.push(names);
      return Promise.resolve({ closed: true, html: '<b>150 jobs</b>', text: '150 jobs' });
    }
  };
  new Records({ panel, cards, jobs, api, contents: {} } as unknown as IRecordsOptions);
  return { shown, asked };
}

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
