import type { INotebookTracker } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { beforeEach, expect, it, vi } from 'vitest';

import type { Colony } from '../colony/colony';
import type { IJob } from '../colony/types';
import { cancelByServer } from './cancelling';

const ID = 'a'.repeat(64);
const cancel = vi.fn<(id: string, withGraph: boolean) => Promise<void>>();
const named = vi.fn<(names: string[]) => Promise<IJob[]>>();
const failed = vi.fn();
const colony = {
  api: { cancel, named },
  connection: { reachable: true },
  trouble: null
} as unknown as Colony;
const changed = new Signal<Colony, void>(colony);
Object.assign(colony, { connectionChanged: changed });
const notebooks = { find: () => undefined } as unknown as INotebookTracker;

cancelByServer({ colony, notebooks, cancelling: 'Cancelling…', failed });

/** A button as the kernel makes it; what the kernel would hear is counted. */
function button(...classes: string[]): { node: HTMLButtonElement; heard: () => number } {
  const node = document.createElement('button');
  node.className = `jupyter-button ${classes.join(' ')}`;
  node.textContent = 'Cancel';
  const listener = vi.fn();
  node.addEventListener('click', listener);
  document.body.replaceChildren(node);
  return { node, heard: () => listener.mock.calls.length };
}

function serverHalf(there: boolean): void {
  Object.assign(colony, { trouble: there ? null : { problem: '', remedy: '', missing: true } });
  changed.emit();
}

beforeEach(() => {
  vi.useRealTimers();
  cancel.mockReset().mockResolvedValue();
  failed.mockReset();
  serverHalf(true);
});

it('cancels by the server, says so at once, and lets the click go on', async () => {
  const { node, heard } = button('pollinator-cancel', `pollinator-job-${ID}`);
  node.click();

  await vi.waitFor(() => expect(cancel).toHaveBeenCalledWith(ID, false)); // of a step nothing but this is said
  expect(node.textContent).toBe('Cancelling…');
  expect(node.disabled).toBe(true);
  expect(heard()).toBe(1);
});

it('takes it back if it did not work, and tells if the kernel has not heard it either', async () => {
  vi.useFakeTimers();
  cancel.mockRejectedValue(new Error('no'));
  const { node } = button('pollinator-cancel', `pollinator-job-${ID}`);
  node.click();
  await vi.advanceTimersByTimeAsync(100);
  expect(node.textContent).toBe('Cancel');
  expect(node.disabled).toBe(false);
  expect(failed).not.toHaveBeenCalled();

  await vi.runAllTimersAsync();
  expect(failed).toHaveBeenCalledOnce();

  node.click();
  await vi.advanceTimersByTimeAsync(100);
  node.remove(); // as the kernel does when it has cancelled
  await vi.runAllTimersAsync();
  expect(failed).toHaveBeenCalledOnce();
});

it('leaves the click alone without the server half, and shows no button that nobody hears', async () => {
  expect(document.body.classList).toContain('pollinator-can-cancel');
  serverHalf(false);
  const { node, heard } = button('pollinator-cancel', `pollinator-job-${ID}`);
  node.click();
  await new Promise(resolve => setTimeout(resolve));

  expect(document.body.classList).not.toContain('pollinator-can-cancel');
  expect(cancel).not.toHaveBeenCalled();
  expect(heard()).toBe(1);
  expect(node.textContent).toBe('Cancel');
});

it('cancels the open jobs of a large sweep, whose card names them by the first parts of their ids', async () => {
  const names = Array.from({ length: 101 }, (_, number) => `${number}`.padStart(12, 'c'));
  const [first = '', ...others] = names.map(name => name.padEnd(64, '0'));
  const jobs = [{ id: first, state: 'success' }, ...others.map(id => ({ id, state: 'waiting' }))];
  named.mockResolvedValue(jobs as IJob[]);
  const { node } = button('pollinator-cancel', 'pollinator-group');
  const outputs = [{ metadata: { pollinator: { jobs: names, count: 101 } } }];
  const cell = { node: document.body, model: { toJSON: () => ({ outputs }) } };
  Object.assign(notebooks, { find: () => ({ content: { widgets: [cell] } }) });
  node.click();

  await vi.waitFor(() => expect(cancel).toHaveBeenCalledTimes(100));
  expect(named).toHaveBeenCalledWith(names);
  expect(cancel.mock.calls).toContainEqual([others[0], true]);
  expect(cancel.mock.calls.flat()).not.toContain(first);
  Object.assign(notebooks, { find: () => undefined });
});

it('touches no other button, and no id that is none', async () => {
  button('jupyter-button').node.click();
  button('pollinator-cancel', 'pollinator-job-../x').node.click();
  await new Promise(resolve => setTimeout(resolve));

  expect(cancel).not.toHaveBeenCalled();
});
