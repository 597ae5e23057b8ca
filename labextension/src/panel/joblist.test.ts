import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '../colony/api';
import type { IJob, IJobFilter, IJobPage, State } from '../colony/types';
import { JobList, PAGE } from './joblist';

const ALL: IJobFilter = { mine: false, state: '', text: '' };

function job(number: number, state: State = 'waiting'): IJob {
  return {
    id: String(number).padStart(64, '0'),
    state,
    executor: 'local',
    submitted: number,
    started: null,
    ended: null,
    retries: 0,
    by: 'me',
    mine: true,
    project: '',
    notebook: '',
    cell: '',
    parameters: '',
    step: '',
    graph: ''
  };
}

/** A colony's jobs, newest first; a page begins after the job that its cursor names. */
class Colony {
  constructor(count: number) {
    for (let number = 0; number < count; number++) this.jobs.unshift(job(number));
  }

  readonly fetch = (
    filter: IJobFilter,
    cursor: string | null,
    count: number
  ): Promise<IJobPage> => {
    this.asked.push(cursor);
    if (this.down) return Promise.reject(new ApiError(502, 'The colony does not answer.'));
    const found = this.jobs.filter(({ state }) => !filter.state || state === filter.state);
    const behind = found.filter(({ submitted }) =>
      cursor === null ? true : (submitted ?? 0) < Number(cursor)
    );
    const jobs = behind.slice(0, count);
    const next = behind.length > count ? String(jobs[count - 1]?.submitted) : null;
    const page = { jobs, next, total: found.length, counts: { waiting: 0, running: 0 }, now: 0 };
    return Promise.resolve(page);
  };

  add(): IJob {
    const added = job((this.jobs[0]?.submitted ?? -1) + 1);
    this.jobs.unshift(added);
    return added;
  }

  change(row: number, state: State): IJob {
    const before = this.jobs[row];
    if (before === undefined) throw new Error('no such job');
    return (this.jobs[row] = { ...before, state });
  }

  down = false;
  readonly jobs: IJob[] = [];
  readonly asked: (string | null)[] = [];
}

function shown(list: JobList, first: number, end: number): (number | null | undefined)[] {
  return Array.from({ length: end - first }, (_, n) => list.at(first + n)?.submitted);
}

function expected(colony: Colony, first: number, end: number): (number | null | undefined)[] {
  return colony.jobs.slice(first, end).map(({ submitted }) => submitted);
}

async function opened(colony: Colony, filter = ALL): Promise<JobList> {
  const list = new JobList(colony.fetch, filter);
  list.show({ first: 0, end: 20 });
  list.setActive(true);
  await settled();
  return list;
}

/** Let everything happen that needs no time, and what waits for a second. */
async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(1_000);
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('reading', () => {
  it('asks for nothing until somebody looks', async () => {
    const colony = new Colony(3);
    const list = new JobList(colony.fetch, ALL);
    list.update([colony.add()]);
    await settled();
    expect(colony.asked).toEqual([]);
    expect(list.total).toBeNull();
  });

  it('reads one page of many jobs, and says how many there are', async () => {
    const colony = new Colony(5_000);
    const list = await opened(colony);
    expect(colony.asked).toEqual([null]);
    expect(list.total).toBe(5_000);
    expect(list.rows).toBe(5_000);
    expect(shown(list, 0, 20)).toEqual(expected(colony, 0, 20));
  });

  it('knows that there are none', async () => {
    const list = await opened(new Colony(0));
    expect([list.total, list.rows, list.loading]).toEqual([0, 0, false]);
  });

  it('finds every row of 5,000 jobs, from the end or the middle, while it holds only a few pages', async () => {
    const colony = new Colony(5_000);
    const list = await opened(colony);
    for (const first of [4_980, 2_500, 0, 3_333, 99]) {
      list.show({ first, end: first + 20 });
      await settled();
      expect(shown(list, first, first + 20)).toEqual(expected(colony, first, first + 20));
      expect(list.held).toBeLessThanOrEqual(4 * PAGE);
    }
  });

  it('asks for a page again, and for no other, when somebody comes back to it', async () => {
    const colony = new Colony(1_000);
    const list = await opened(colony);
    list.show({ first: 980, end: 1_000 });
    await settled();
    colony.asked.length = 0;
    list.show({ first: 510, end: 530 });
    await settled();
    expect(colony.asked).toHaveLength(1);
  });

  it('says of every held job in which row it is', async () => {
    const colony = new Colony(300);
    const list = await opened(colony);
    list.show({ first: 190, end: 210 });
    await settled();
    for (const row of [190, 209]) expect(list.rowOf(list.at(row)?.id ?? '')).toBe(row);
    expect(list.rowOf('unknown')).toBe(-1);
  });
});

describe('news', () => {
  it('shows a new state at once, without asking', async () => {
    const colony = new Colony(10);
    const list = await opened(colony);
    list.update([colony.change(4, 'running')]);
    expect(list.at(4)?.state).toBe('running');
    await settled();
    expect(colony.asked).toEqual([null]);
  });

  it('leaves rows that are as before the same objects, so that they are not drawn again', async () => {
    const colony = new Colony(10);
    const list = await opened(colony);
    const before = list.at(3);
    list.update([colony.change(4, 'running')]);
    expect(list.at(3)).toBe(before);
  });

  it('shows a new job on top', async () => {
    const colony = new Colony(10);
    const list = await opened(colony);
    const added = colony.add();
    list.update([added]);
    await settled();
    expect(list.at(0)).toEqual(added);
    expect(list.total).toBe(11);
  });

  it('reads the list again once a second, however many jobs come', async () => {
    const colony = new Colony(10);
    const list = await opened(colony);
    colony.asked.length = 0;
    for (let tick = 0; tick < 30; tick++) {
      list.update([colony.add()]);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(colony.asked.length).toBeLessThanOrEqual(4);
    await settled();
    expect(shown(list, 0, 20)).toEqual(expected(colony, 0, 20));
  });

  it('takes a job away that the filter does not want any more', async () => {
    const colony = new Colony(3);
    const list = await opened(colony, { ...ALL, state: 'waiting' });
    list.update([colony.change(1, 'running')]);
    await settled();
    expect(list.total).toBe(2);
    expect(shown(list, 0, 3)).toEqual([2, 0, undefined]);
  });

  it('has every row right again when jobs have come while somebody looked at the end', async () => {
    const colony = new Colony(450);
    const list = await opened(colony);
    list.show({ first: 430, end: 450 });
    await settled();
    for (let number = 0; number < 130; number++) list.update([colony.add()]);
    await settled();
    for (const first of [0, 90, 190, 290, 390, 490, 560]) {
      list.show({ first, end: first + 20 });
      await settled();
      expect(shown(list, first, first + 20)).toEqual(expected(colony, first, first + 20));
    }
    expect([list.total, list.rows]).toEqual([580, 580]);
  });

  it('has every row right again when jobs have gone from between', async () => {
    const colony = new Colony(350);
    const list = await opened(colony);
    list.show({ first: 330, end: 350 });
    await settled();
    colony.jobs.splice(20, 130);
    list.show({ first: 0, end: 20 });
    list.update([colony.add()]);
    await settled();
    for (const first of [0, 90, 190]) {
      list.show({ first, end: first + 20 });
      await settled();
      expect(shown(list, first, first + 20)).toEqual(expected(colony, first, first + 20));
    }
    expect(list.rows).toBe(221);
  });

  it('makes up for what it missed while nobody looked', async () => {
    const colony = new Colony(5);
    const list = await opened(colony);
    list.setActive(false);
    list.update([colony.add()]);
    await settled();
    expect(list.total).toBe(5);
    list.setActive(true);
    await settled();
    expect(list.total).toBe(6);
  });
});

describe('another filter', () => {
  it('shows what was there until the answer has come', async () => {
    const colony = new Colony(5);
    colony.change(2, 'failed');
    const list = await opened(colony);
    list.setFilter({ ...ALL, state: 'failed' });
    expect([list.total, list.loading]).toEqual([5, true]);
    await settled();
    expect([list.total, list.loading]).toEqual([1, false]);
    expect(list.at(0)?.state).toBe('failed');
  });

  it('does not show a late answer to an earlier question', async () => {
    const colony = new Colony(5);
    colony.change(2, 'failed');
    const replies: (() => void)[] = [];
    const list = new JobList(async (filter, cursor, count) => {
      await new Promise<void>(resolve => replies.push(resolve));
      return colony.fetch(filter, cursor, count);
    }, ALL);
    list.setActive(true);
    list.setFilter({ ...ALL, state: 'failed' });
    replies[0]?.();
    await settled();
    expect(list.total).toBeNull();
    replies[1]?.();
    await settled();
    expect(list.total).toBe(1);
  });

  it('does not mind that an earlier question was refused late', async () => {
    const colony = new Colony(5);
    const refusals: (() => void)[] = [];
    const list = new JobList((filter, cursor, count) => {
      if (filter.state === 'waiting') return colony.fetch(filter, cursor, count);
      return new Promise((_, refuse) => {
        refusals.push(() => refuse(new ApiError(502, 'Too late.')));
      });
    }, ALL);
    list.setActive(true);
    list.setFilter({ ...ALL, state: 'waiting' });
    refusals[0]?.();
    await settled();
    expect([list.error, list.total]).toEqual([null, 5]);
  });

  it('forgets the jobs of another colony at once', async () => {
    const list = await opened(new Colony(5));
    list.clear();
    expect([list.total, list.at(0), list.rows]).toEqual([null, undefined, 0]);
  });
});

describe('trouble', () => {
  it('keeps what it has, says what is wrong, and goes on after a restart', async () => {
    const colony = new Colony(5);
    const list = await opened(colony);
    colony.down = true;
    list.restart();
    await settled();
    expect(list.error?.message).toBe('The colony does not answer.');
    expect(list.at(0)).toBeDefined();
    colony.down = false;
    list.restart();
    await settled();
    expect([list.error, list.total]).toEqual([null, 5]);
  });

  it('does not ask again and again', async () => {
    const colony = new Colony(5);
    colony.down = true;
    await opened(colony);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(colony.asked).toHaveLength(1);
  });

  it('tries again when there are news', async () => {
    const colony = new Colony(5);
    colony.down = true;
    const list = await opened(colony);
    colony.down = false;
    list.update([colony.add()]);
    await settled();
    expect([list.error, list.total]).toEqual([null, 6]);
  });

  it('asks for nothing after its end', async () => {
    const colony = new Colony(5);
    const list = await opened(colony);
    list.update([colony.add()]);
    list.dispose();
    await settled();
    expect(colony.asked).toEqual([null]);
  });
});
