import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import type { IJobDetails } from '../colony/types';
import { lasting, origin, page, resources, timings } from './facts';

const trans = nullTranslator.load('pollinator_magic');
const NOON = new Date(2026, 2, 1, 12).getTime();

const JOB: IJobDetails = {
  id: 'a'.repeat(64),
  state: 'waiting',
  executor: 'any',
  submitted: NOON,
  started: null,
  ended: null,
  retries: 0,
  by: 'ada',
  mine: true,
  project: 'climate',
  notebook: '',
  cell: '',
  parameters: '',
  step: '',
  graph: '',
  errors: [],
  attributes: [],
  spec: {},
  why: '',
  waitDeadline: NOON + 60_000,
  execDeadline: NOON + 120_000,
  dashboard: '',
  now: NOON
};

describe('how long something took', () => {
  it('is told in the two largest units', () => {
    const texts = [-5, 0, 3_290, 12_900, 60_000, 312_000, 7_260_000, 7_200_000, 277_200_000];
    expect(texts.map(ms => lasting(ms, trans))).toEqual([
      '0.0 s',
      '0.0 s',
      '3.2 s',
      '12 s',
      '1 min',
      '5 min 12 s',
      '2 h 1 min',
      '2 h',
      '3 d 5 h'
    ]);
  });
});

describe('the times of a job', () => {
  const labels = (job: Partial<IJobDetails>, now = NOON + 5_000): string[] =>
    timings({ ...JOB, ...job }, now, trans).map(fact => fact.label);

  it('that waits are how long so far, and until when it may', () => {
    expect(labels({})).toEqual(['Submitted', 'Waited', 'Must start by']);
    expect(timings(JOB, NOON + 65_000, trans)[1]?.value).toBe('1 min 5 s');
  });

  it('that runs or ran are how long it waited and ran', () => {
    const running: Partial<IJobDetails> = { state: 'running', started: NOON + 2_000 };
    expect(labels(running)).toEqual(['Submitted', 'Waited', 'Started', 'Ran', 'Must end by']);
    const ended: Partial<IJobDetails> = {
      ...running,
      state: 'failed',
      ended: NOON + 4_000,
      retries: 2
    };
    expect(labels(ended)).toEqual(['Submitted', 'Waited', 'Started', 'Ran', 'Ended', 'Retries']);
    const told = timings({ ...JOB, ...ended }, NOON + 99_000, trans).map(fact => fact.value);
    expect([told[1], told[3]]).toEqual(['2.0 s', '2.0 s']);
  });

  it('that never started end its waiting', () => {
    const cancelled = { ...JOB, state: 'cancelled', ended: NOON + 3_000 } as const;
    expect(timings(cancelled, NOON + 99_000, trans)[1]?.value).toBe('3.0 s');
  });
});

describe('what a job asks for', () => {
  it('leaves out what it does not ask for', () => {
    const conditions = { nodes: 2, processespernode: 0, cpu: '2000m', mem: '0Mi', storage: '' };
    const spec = {
      conditions: { ...conditions, gpu: { name: '', count: 0, mem: '0Mi' }, walltime: 600 }
    };
    expect(resources({ ...spec, maxwaittime: -1 }, trans)).toEqual([
      { label: 'Nodes', value: '2' },
      { label: 'CPU', value: '2000m' },
      { label: 'Walltime', value: '10 min' }
    ]);
    const gpu = { conditions: { gpu: { name: 'A100', count: 4, mem: '40960Mi' } } };
    expect(resources(gpu, trans).map(fact => fact.value)).toEqual(['4 × A100', '40960Mi']);
  });

  it('is nothing where the specification is not one', () => {
    for (const spec of [null, 7, 'text', [], { conditions: 'x' }, { conditions: { gpu: [] } }]) {
      expect(resources(spec, trans)).toEqual([]);
    }
  });
});

describe('where a job comes from', () => {
  it('says only what is known', () => {
    expect(origin(JOB, trans).map(fact => fact.label)).toEqual(['Executor', 'Project', 'User']);
  });

  it('links to pages only', () => {
    expect(page('https://dash.example/process?id=1')).toBe('https://dash.example/process?id=1');
    expect(
      ['javascript:alert(1)', 'data:text/html,x', 'ftp://x', 'nonsense', ''].map(page)
    ).toEqual(Array(5).fill(''));
  });
});
