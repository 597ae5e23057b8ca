import { beforeEach, describe, expect, it } from 'vitest';

import { Endings } from './endings';
import { job } from './testjob';

let endings: Endings;

beforeEach(() => {
  endings = new Endings();
});

describe('jobs that have ended', () => {
  it('a job that was seen open and is closed now is told of, once', () => {
    endings.take([job({ id: 'a', state: 'waiting' })]);
    endings.take([job({ id: 'a', state: 'running' })]);
    const closed = job({ id: 'a', state: 'success' });
    expect(endings.take([closed])).toEqual([closed]);
    expect(endings.take([closed])).toEqual([]);
  });

  it('a job that ended before the page was there is not', () => {
    endings.begin(1_000);
    expect(endings.take([job({ id: 'a', state: 'success', submitted: 999 })])).toEqual([]);
  });

  it('a job that was over before anybody saw it open is told of, once', () => {
    endings.begin(1_000);
    const closed = job({ id: 'a', state: 'failed', submitted: 1_000 });
    expect(endings.take([closed])).toEqual([closed]);
    expect(endings.take([closed])).toEqual([]);
  });

  it('before the page knows when it began, only what was seen open counts', () => {
    expect(endings.take([job({ id: 'a', state: 'failed', submitted: 9_999_999 })])).toEqual([]);
  });

  it('an interruption does not make the page younger', () => {
    endings.begin(1_000);
    endings.begin(5_000);
    expect(endings.take([job({ id: 'a', state: 'failed', submitted: 3_000 })])).toHaveLength(1);
  });

  it('jobs of others are not told of', () => {
    endings.take([job({ id: 'a', state: 'running', mine: false })]);
    expect(endings.take([job({ id: 'a', state: 'success', mine: false })])).toEqual([]);
  });

  it('what was seen in another colony is forgotten', () => {
    endings.begin(1_000);
    endings.take([job({ id: 'a', state: 'running', submitted: 2_000 })]);
    endings.forget();
    expect(endings.take([job({ id: 'a', state: 'success', submitted: 2_000 })])).toEqual([]);
  });
});
