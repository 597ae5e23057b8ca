import { expect, it } from 'vitest';
import { Signal } from '@lumino/signaling';

import type { Colony } from '../colony/colony';
import type { IJob, State } from '../colony/types';
import { Jobs } from './jobs';

function job(id: string, state: State, about: Partial<IJob> = {}): IJob {
  return { id, state, notebook: '', cell: '', ...about } as IJob;
}

/** As much of a colony as is asked here: its answers, and how often each was asked for. */
function colonyOf(
  answers: Record<string, IJob>,
  reachable = true
): {
  colony: Colony;
  asked: string[];
  tell: (...jobs: IJob[]) => void;
  reset: (reachable: boolean) => void;
} {
  const asked: string[] = [];
  const api = {
    named: (names: string[]) => {
      asked.push(names.join('+'));
      const found = (job: IJob): boolean => names.some(name => job.id.startsWith(name));
      return Promise.resolve(Object.values(answers).filter(found));
    },
    jobs: ({ state, text }: { state: string; text: string }, cursor: string | null) => {
      asked.push(`${state} ${text} ${cursor ?? ''}`.trim());
      const jobs = Object.values(answers).filter(one => one.state === state);
      const at = Number(cursor ?? 0);
      const next = at + 1 < jobs.length ? String(at + 1) : null;
      return Promise.resolve({ jobs: jobs.slice(at, at + 1), next });
    }
  };
  const colony = { api, connection: { reachable } } as unknown as Colony;
  const jobsChanged = new Signal<Colony, IJob[]>(colony);
  const reset = new Signal<Colony, void>(colony);
  Object.assign(colony, { jobsChanged, reset });
  return {
    colony,
    asked,
    tell: (...jobs) => jobsChanged.emit(jobs),
    reset: reachable => {
      Object.assign(colony, { connection: { reachable } });
      reset.emit();
    }
  };
}

const settled = (): Promise<void> => new Promise(resolve => setTimeout(resolve));

it('asks once for all jobs together, and listens from then on', async () => {
  const { colony, asked, tell } = colonyOf({ a: job('a', 'waiting') });
  const jobs = new Jobs(colony);
  const heard: string[] = [];
  jobs.changed.connect((_, changed) => heard.push(...changed.map(one => one.state)));

  jobs.want(['a', 'a', 'gone']);
  jobs.want(['a']);
  await settled();
  tell(job('a', 'running'), job('other', 'running'));
  tell(job('a', 'running'));

  expect(asked).toEqual(['a+gone']);
  expect(heard).toEqual(['waiting', 'running']);
  expect(jobs.get('other')).toBeUndefined();
  expect(jobs.get('gone')).toBeUndefined();
});

it('does not believe a reply that a message has overtaken', async () => {
  const { colony, tell } = colonyOf({ a: job('a', 'running') });
  const jobs = new Jobs(colony);

  jobs.want(['a']);
  tell(job('a', 'success'));
  await settled();

  expect(jobs.get('a')?.state).toBe('success');
});

it('asks when the colony is back, and again when messages may have been missed', async () => {
  const { colony, asked, reset } = colonyOf({ a: job('a', 'running') }, false);
  const jobs = new Jobs(colony);
  jobs.want(['a']);
  await settled();
  expect(asked).toEqual([]);

  reset(true);
  await settled();
  reset(true);
  await settled();

  expect(asked).toEqual(['a', 'a']);
  expect(jobs.get('a')?.state).toBe('running');
});

it('knows jobs by the first parts of their ids, too', async () => {
  const id = 'a1b2c3d4e5f6'.padEnd(64, '0');
  const { colony, asked, tell } = colonyOf({ [id]: job(id, 'running') });
  const jobs = new Jobs(colony);

  jobs.want([id.slice(0, 12)]);
  await settled();
  expect(jobs.get(id.slice(0, 12))?.id).toBe(id);
  jobs.want([id]);
  tell(job(id, 'success'));
  await settled();

  expect(asked).toEqual([id.slice(0, 12)]);
  expect(jobs.get(id.slice(0, 12))?.state).toBe('success');
});

it('follows a notebook that gets another name', async () => {
  const { colony, tell } = colonyOf({
    a: job('a', 'running', { notebook: 'fit.ipynb', cell: '1' })
  });
  const jobs = new Jobs(colony);
  jobs.follow('fit.ipynb');
  await settled();

  tell(job('a', 'running', { notebook: 'better.ipynb', cell: '1' }));

  expect(jobs.submitted('fit.ipynb')).toEqual([]);
  expect(jobs.submitted('better.ipynb').map(one => one.id)).toEqual(['a']);
});

it('pages through the open jobs of a notebook', async () => {
  const mine = { notebook: 'fit.ipynb', cell: '1' };
  const { colony, asked } = colonyOf({
    a: job('a', 'running', mine),
    b: job('b', 'running', mine)
  });
  const jobs = new Jobs(colony);

  jobs.follow('fit.ipynb');
  await settled();
  await settled();

  expect(asked).toEqual(['running fit.ipynb', 'running fit.ipynb 1', 'waiting fit.ipynb']);
  expect(jobs.submitted('fit.ipynb').map(one => one.id)).toEqual(['a', 'b']);
});

it('knows the open jobs of a notebook that is followed', async () => {
  const mine = { notebook: 'fit.ipynb', cell: '1' };
  const { colony, tell } = colonyOf({ a: job('a', 'running', mine), b: job('b', 'success', mine) });
  const jobs = new Jobs(colony);

  jobs.follow('fit.ipynb');
  await settled();
  await settled();
  tell(job('c', 'waiting', mine), job('d', 'running', { notebook: 'other.ipynb', cell: '1' }));
  expect(jobs.submitted('fit.ipynb').map(one => one.id)).toEqual(['a', 'c']);

  tell(job('a', 'failed', mine), job('c', 'cancelled', mine));
  expect(jobs.submitted('fit.ipynb')).toEqual([]);
});
