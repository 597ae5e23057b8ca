import { nullTranslator } from '@jupyterlab/translation';
import { expect, it } from 'vitest';

import { question } from './question';

const trans = nullTranslator.load('');
const id = '0123456789abcdef'.repeat(4);
const step = { id, step: 'fit', graph: 'f'.repeat(64) };

it('a job of its own is asked about alone', () => {
  expect(question({ id, step: '', graph: '' }, undefined, trans)).toEqual({
    title: 'Cancel Job 0123456789ab?',
    body: 'It will not go on and cannot be resumed. Its log stays.',
    accept: 'Cancel Job'
  });
});

it('of a step it is said that all of its workflow end, and how many those are', () => {
  expect(question(step, { steps: 12, open: 4 }, trans)).toEqual({
    title: 'Cancel the Workflow of Job 0123456789ab?',
    body:
      '“fit” is a step of a workflow of 12 steps. Cancelling it cancels all of them that have not ended: 4 now. ' +
      'They will not go on and cannot be resumed. Their logs stay.',
    accept: 'Cancel Workflow'
  });
});

it('where the other steps are not known, no number is said', () => {
  for (const size of [undefined, { steps: 1, open: 1 }]) {
    expect(question({ ...step, step: '' }, size, trans).body).toBe(
      '“0123456789ab” is a step of a workflow. Cancelling it cancels all steps that have not ended. ' +
        'They will not go on and cannot be resumed. Their logs stay.'
    );
  }
});
