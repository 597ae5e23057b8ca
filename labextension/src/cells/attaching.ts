/** A cell that takes up a job: inserted below the active one, and run. */

import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';

const LOAD = '%load_ext pollinator_magic';
const LOADED = "'pollinator_magic' in get_ipython().extension_manager.loaded";
const SHORT = 12;
const ANSWER_MS = 2_000;

/** Insert a cell that attaches to the job, and run it. */
export async function attach(
  { content, sessionContext }: NotebookPanel,
  id: string
): Promise<void> {
  const loaded = await isLoaded(sessionContext.session?.kernel ?? null, () => hasRun(content));
  NotebookActions.insertBelow(content);
  const line = `%pollinator attach ${id.slice(0, SHORT)}`;
  content.activeCell?.model.sharedModel.setSource(loaded ? line : `${LOAD}\n${line}`);
  await NotebookActions.run(content, sessionContext);
}

/**
 * Whether the kernel has loaded the magics. One that is busy is not waited for: `guess` says what is likely. Of one that
 * does not answer, nothing is assumed: to load them twice costs a line of output.
 */
async function isLoaded(
  kernel: Kernel.IKernelConnection | null,
  guess: () => boolean
): Promise<boolean> {
  if (kernel?.status !== 'idle') return guess();
  const silence = new Promise<null>(resolve => setTimeout(() => resolve(null), ANSWER_MS));
  const reply = await Promise.race([ask(kernel), silence]);
  return reply === 'True';
}

/** Ask a kernel, as text; null if it is restarted meanwhile. */
async function ask(kernel: Kernel.IKernelConnection): Promise<unknown> {
  const future = kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    user_expressions: { loaded: LOADED }
  });
  try {
    const { content } = await future.done;
    if (content.status !== 'ok') return null;
    const told = content.user_expressions['loaded'] as { data?: Record<string, unknown> };
    return told.data?.['text/plain'];
  } catch {
    return null;
  }
}

/** Whether a cell that loads the magics has run, in this kernel or in an earlier one. */
function hasRun(content: NotebookPanel['content']): boolean {
  return content.widgets.some(
    ({ model }) =>
      model.type === 'code' &&
      model.sharedModel.getSource().includes(LOAD) &&
      (model.toJSON()['execution_count'] ?? null) !== null
  );
}
