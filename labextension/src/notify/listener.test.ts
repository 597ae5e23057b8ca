import { Signal } from '@lumino/signaling';
import { beforeEach, expect, it } from 'vitest';

import type { Colony } from '../colony/colony';
import type { IConnection, IJob, IJobPage } from '../colony/types';
import { Listener } from './listener';
import { job } from './testjob';

/** A colony whose jobs the test decides about. */
class Jobs {
  jobs: IJob[] = [];
  now = 1_000;
  answers = true;
  connection = {
    where: 'local',
    server: 's',
    colony: 'c',
    identity: 'i',
    reachable: true
  } as IConnection;
  readonly jobsChanged = new Signal<this, readonly IJob[]>(this);
  readonly reset = new Signal<this, void>(this);
  asked = 0;
  readonly api = {
    jobs: (): Promise<Partial<IJobPage>> => {
      this.asked++;
      return this.answers
        ? Promise.resolve({ jobs: this.jobs, now: this.now })
        : Promise.reject(new Error('nobody answers'));
    }
  };
}

let colony: Jobs;
let told: string[];
const running = job({ id: 'a', state: 'running', submitted: 500 });
const ended = job({ id: 'a', state: 'success', submitted: 500 });

beforeEach(() => {
  colony = new Jobs();
  told = [];
  const listener = new Listener(colony as unknown as Colony, jobs => {
    told.push(...jobs.map(({ id }) => id));
  });
  listener.start();
});

async function connect(): Promise<void> {
  colony.reset.emit();
  await new Promise(resolve => setTimeout(resolve));
}

it('what was over when the page came is not told of, what was open is when it ends', async () => {
  colony.jobs = [running, job({ id: 'old', submitted: 400 })];
  await connect();
  colony.jobsChanged.emit([ended]);
  expect(told).toEqual(['a']);
});

it('what has ended during an interruption is told of, also what was submitted meanwhile', async () => {
  colony.jobs = [running];
  await connect();
  colony.jobs = [ended, job({ id: 'b', submitted: 2_000 })];
  colony.now = 3_000;
  await connect();
  expect(told).toEqual(['a', 'b']);
});

it('jobs of another colony are none of those that were seen before', async () => {
  colony.jobs = [running];
  await connect();
  colony.connection = { ...colony.connection, colony: 'other' };
  colony.jobs = [ended];
  await connect();
  expect(told).toEqual([]);
});

it('while nobody answers nothing is told of, and afterwards what was seen open still is', async () => {
  colony.jobs = [running];
  await connect();
  colony.answers = false;
  await connect();
  colony.answers = true;
  colony.jobs = [ended];
  await connect();
  expect(told).toEqual(['a']);
});

it('a colony that is not reachable is not asked', async () => {
  colony.connection = { ...colony.connection, reachable: false };
  await connect();
  expect(colony.asked).toBe(0);

  colony.connection = { ...colony.connection, reachable: true };
  await connect();
  expect(colony.asked).toBe(1);
});
