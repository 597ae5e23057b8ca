import { nullTranslator } from '@jupyterlab/translation';
import { expect, it } from 'vitest';

import type { IExecutor } from '../colony/types';
import { suggestions } from './suggestions';

const trans = nullTranslator.load('');

function executor(name: string, about: Partial<IExecutor> = {}): IExecutor {
  return {
    name,
    type: 'slurm',
    place: '',
    condition: 'idle',
    alive: true,
    usable: true,
    nodes: 1,
    cpu: '',
    mem: '',
    gpu: '',
    hardware: '64 CPU',
    running: '0',
    waiting: '',
    heard: 1,
    ...about
  };
}

const names = (executors: IExecutor[], sought = ''): string[] =>
  suggestions(executors, sought, trans).map(one => one.name);

it('are the executors that a job may name, those first that are alive, and the embedded one', () => {
  const quiet = executor('quiet', { alive: false });
  const hidden = executor('hidden', { usable: false });

  expect(names([quiet, hidden, executor('lumi')])).toEqual(['lumi', 'quiet', 'local']);
  expect(names([])).toEqual(['local']);
  expect(names([executor('local')])).toEqual(['local']);
});

it('are found by what is typed', () => {
  const all = [executor('lumi-std'), executor('lumi-gpu', { hardware: '4 x A100' })];

  expect(names(all, 'lumi')).toEqual(['lumi-std', 'lumi-gpu']);
  expect(names(all, 'a100')).toEqual(['lumi-gpu']);
  expect(names(all, 'loc')).toEqual(['local']);
  expect(names(all, 'nonsense')).toEqual([]);
});

it('say how much there is to do', () => {
  const [busy, idle] = suggestions(
    [executor('busy', { running: '2', waiting: '100+' }), executor('idle')],
    '',
    trans
  );

  expect(busy?.work).toBe('2 running, 100+ waiting');
  expect(idle?.work).toBe('');
  expect(idle?.condition).toBe('Idle');
});
