import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Contents } from '@jupyterlab/services';
import { expect, it, vi } from 'vitest';

import { saveQuietly } from './saving';

type Context = DocumentRegistry.IContext<DocumentRegistry.IModel>;

const LOADED = '2026-11-20T12:00:00.000Z';

/** Say how often the notebook is saved that is like this. */
async function saved(about: {
  onDisk?: string;
  writable?: boolean;
  readOnly?: boolean;
  collaborative?: boolean;
}): Promise<number> {
  const { onDisk = LOADED, writable = true, readOnly = false, collaborative = false } = about;
  const save = vi.fn(() => Promise.resolve());
  const context = {
    path: 'fit.ipynb',
    contentsModel: { writable, last_modified: LOADED },
    model: { readOnly, collaborative },
    save
  } as unknown as Context;
  const contents = { get: () => Promise.resolve({ last_modified: onDisk }) };
  await saveQuietly(context, contents as unknown as Contents.IManager);
  return save.mock.calls.length;
}

it('saves a notebook that is as it was loaded', async () => {
  expect(await saved({})).toBe(1);
  expect(await saved({ onDisk: '2026-11-20T12:00:00.300Z' })).toBe(1);
});

it('leaves a file alone that others have written or write, and one that is not to be written', async () => {
  expect(await saved({ onDisk: '2026-11-20T12:00:09.000Z' })).toBe(0);
  expect(await saved({ collaborative: true })).toBe(0);
  expect(await saved({ writable: false })).toBe(0);
  expect(await saved({ readOnly: true })).toBe(0);
});
