import { expect, it } from 'vitest';

import { fileLike } from './language';

it('is that of the source, or of what runs it', () => {
  expect(fileLike('%%pollinate local --source job.sh\nls')).toBe('job.sh');
  expect(fileLike('%%pollinate local --cmd Rscript\nx <- 1')).toBe('main.R');
  expect(fileLike("%%pollinate local --cmd '/usr/bin/env bash'\nls")).toBeNull();
  expect(fileLike("%%pollinate local --cmd '/usr/bin/bash -e'\nls")).toBe('main.sh');
  expect(fileLike('%%pollinate local --cmd julia --source fit.jl\n1')).toBe('fit.jl');
});

it('is Python where the line does not tell another', () => {
  for (const source of [
    'print(1)',
    '%%pollinate local\nprint(1)',
    '%%pollinate local --source train.py\n1',
    '%%pollinate local --cmd python3\n1',
    '%%pollinate local --cmd mine\n1',
    '%%pollinate local --source Makefile\n1'
  ]) {
    expect(fileLike(source)).toBeNull();
  }
});
