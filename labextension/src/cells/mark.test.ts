import { nullTranslator } from '@jupyterlab/translation';
import { expect, it } from 'vitest';

import type { IJob, State } from '../colony/types';
import { markOf } from './mark';

const trans = nullTranslator.load('');

function job(id: string, state: State): IJob {
  return {
    id,
    state,
    executor: 'lumi',
    submitted: 0,
    started: null,
    ended: null,
    retries: 0,
    by: '',
    mine: true,
    project: '',
    notebook: '',
    cell: '',
    parameters: '',
    step: '',
    graph: ''
  };
}

it('says the state of the job in a word', () => {
  expect(markOf([], trans)).toBeNull();
  expect(markOf([job('a', 'waiting')], trans)).toMatchObject({ state: 'waiting', word: 'Waiting' });
  expect(markOf([job('a', 'running')], trans)?.label).toBe('Job a: running on lumi. Open it.');
});

it('counts those of a sweep that run, and leads to one of them', () => {
  const mark = markOf([job('a', 'waiting'), job('b', 'running'), job('c', 'running')], trans);

  expect(mark).toMatchObject({ state: 'running', word: '2 running', job: 'b' });
  expect(markOf([job('a', 'waiting'), job('b', 'waiting')], trans)?.word).toBe('2 waiting');
});
