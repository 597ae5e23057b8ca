import { afterEach, expect, it, vi } from 'vitest';

import { emptyChoice } from './line';
import { lastChoice, rememberChoice } from './memory';

afterEach(() => {
  vi.restoreAllMocks();
  localStorage.clear();
});

it('gives back the last choice', () => {
  expect(lastChoice()).toEqual(emptyChoice());
  const choice = { ...emptyChoice(), executor: 'lumi-std', nodes: '4' };
  rememberChoice({ ...choice, nodes: '2' });
  rememberChoice(choice);

  expect(lastChoice()).toEqual(choice);
});

it('begins anew with what is no choice, and where the browser keeps nothing', () => {
  for (const kept of ['{', 'null', '[]', '{"executor": 1, "nodes": {}}']) {
    localStorage.setItem('pollinator-magic:last-choice', kept);
    expect(lastChoice()).toEqual(emptyChoice());
  }
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new Error('full');
  });
  expect(() => rememberChoice(emptyChoice())).not.toThrow();
});
