import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { common, gathered, isWanted, kind, sentence } from './announcement';
import { job } from './testjob';

const trans = nullTranslator.load('');
const say = (...jobs: Parameters<typeof job>[0][]): string => sentence(jobs.map(job), trans);

describe('what is wanted', () => {
  it('by default a job is told of unless its notebook is in sight', () => {
    expect(isWanted(job({}), 'background', false)).toBe(true);
    expect(isWanted(job({}), 'background', true)).toBe(false);
  });

  it('all, only failures, and none are what they say', () => {
    expect(isWanted(job({}), 'all', true)).toBe(true);
    expect(isWanted(job({}), 'failures', false)).toBe(false);
    expect(isWanted(job({ state: 'failed' }), 'failures', false)).toBe(true);
    expect(isWanted(job({ state: 'failed' }), 'none', false)).toBe(false);
  });
});

describe('gathering', () => {
  it('a few jobs are told of one by one', () => {
    const groups = gathered(['a', 'b', 'c'].map(id => job({ id })));
    expect(groups.map(group => group.jobs.length)).toEqual([1, 1, 1]);
  });

  it('many jobs at once are told of in one sentence', () => {
    const groups = gathered(['a', 'b', 'c', 'd'].map(id => job({ id })));
    expect(groups.map(group => group.jobs.length)).toEqual([4]);
  });

  it('the jobs of a sweep are told of in one sentence, beside another job', () => {
    const sweep = [1, 2, 3, 4, 5].map(lr => job({ id: `s${lr}`, parameters: `lr=${lr}` }));
    const groups = gathered([...sweep, job({ id: 'other' })]);
    expect(groups.map(group => group.jobs.length)).toEqual([5, 1]);
  });

  it('the steps of a workflow are told of together, whichever cells they are of', () => {
    const steps = ['c1', 'c2', 'c3'].map(cell => job({ id: cell, cell, step: cell, graph: 'g' }));
    const groups = gathered([...steps, job({ id: 'other', graph: 'h' })]);
    expect(groups.map(group => group.jobs.length)).toEqual([3, 1]);
  });

  it('later jobs of the same sweep have the same key, those of another cell have not', () => {
    const [first] = gathered([job({ id: 'a', parameters: 'lr=1' })]);
    const [later] = gathered([job({ id: 'b', parameters: 'lr=2' })]);
    const [other] = gathered([job({ id: 'c', parameters: 'lr=2', cell: 'c2' })]);
    expect(later?.key).toBe(first?.key);
    expect(other?.key).not.toBe(first?.key);
  });
});

describe('sentences', () => {
  it('one job: notebook, state, executor, duration', () => {
    expect(say({})).toBe('fit.ipynb: succeeded on lumi-std after 3\u00a0min');
    expect(say({ state: 'failed', ended: 5_000 })).toBe(
      'fit.ipynb: failed on lumi-std after 5\u00a0s'
    );
  });

  it('a job of no notebook has its id', () => {
    expect(say({ notebook: '' })).toBe('Job 0123456789ab: succeeded on lumi-std after 3\u00a0min');
  });

  it('a job that never ran has no duration', () => {
    expect(say({ state: 'cancelled', started: null })).toBe('fit.ipynb: cancelled before it ran');
  });

  it('many jobs: how many of each', () => {
    expect(say({}, {}, { state: 'failed' })).toBe(
      'fit.ipynb: 3 jobs ended (2 succeeded, 1 failed)'
    );
    expect(say({}, { notebook: 'b.ipynb' })).toBe('2 jobs ended (2 succeeded)');
  });

  it('a message is shorter than what JupyterLab cuts off, whatever the names', () => {
    const long = 'x'.repeat(500);
    const jobs = [{ notebook: long, executor: long }];
    expect(say(...jobs).length).toBeLessThan(140);
    expect(say(...jobs, ...jobs).length).toBeLessThan(140);
  });

  it('a failure among many is a failure', () => {
    expect(kind([job({}), job({ state: 'failed' })])).toBe('error');
    expect(kind([job({}), job({ state: 'cancelled' })])).toBe('info');
    expect(kind([job({}), job({})])).toBe('success');
  });

  it('what jobs have in common is what all have', () => {
    expect(common(['a', 'a'])).toBe('a');
    expect(common(['a', 'b'])).toBe('');
    expect(common([])).toBe('');
  });
});
