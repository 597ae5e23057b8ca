import { nullTranslator } from '@jupyterlab/translation';
import { expect, it } from 'vitest';

import { job } from '../notify/testjob';
import { choices } from './choices';

it('a job is named by what people know of it, and never like another one', () => {
  const jobs = [
    job({ id: '1'.repeat(64), parameters: 'lr=0.1' }),
    job({ id: '2'.repeat(64), notebook: '', state: 'failed', submitted: null })
  ];
  expect(choices(jobs, 180_000, nullTranslator.load(''))).toEqual([
    'fit.ipynb · lr=0.1 · lumi-std · Success · 3 min ago · 111111111111',
    'lumi-std · Failed · 222222222222'
  ]);
});
