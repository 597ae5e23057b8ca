import { ServerConnection } from '@jupyterlab/services';
import { afterEach, expect, it, vi } from 'vitest';

import { Api, ApiError, told } from './api';
import type { IJob } from './types';

afterEach(() => {
  vi.restoreAllMocks();
});

it('says what is wrong and what to do, without the marks of code', () => {
  expect(told(new ApiError(502, 'It does not run.', 'Start it with `%%pollinate local`.'))).toBe(
    'It does not run. Start it with %%pollinate local.'
  );
  expect(told(new Error('Gone.'))).toBe('Gone.');
  expect(told('gone')).toBe('gone');
});

it('asks for many jobs in several requests', async () => {
  const asked: number[] = [];
  const fetch = async (request: RequestInfo | URL): Promise<Response> => {
    const { jobs } = (await (request as Request).json()) as { jobs: string[] };
    asked.push(jobs.length);
    return new Response(JSON.stringify({ jobs: jobs.map(id => ({ id }) as IJob) }));
  };
  const api = new Api(ServerConnection.makeSettings({ fetch }));

  const found = await api.named(Array.from({ length: 1_001 }, (_, number) => String(number)));

  expect(asked).toEqual([500, 500, 1]);
  expect(found.map(({ id }) => id)).toContain('1000');
});
