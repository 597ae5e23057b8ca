/** A cell that takes up a job: inserted below the active one, and run. */

import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';

const LOAD = '%load_ext pollinator_magic';
const LOADED = "'pollinator_magic' in get_ipython().extension_manager.loaded";
const SHORT = 12;
const ANSWER_MS = 1_000;

/** Insert a cell that attaches to the job, and run it. */
export async function attach(
  { content, sessionContext }: NotebookPanel,
  id: string
): Promise<void> {
  const loaded = await isLoaded(sessionContext.session?.kernel ?? null);
  NotebookActions.insertBelow(content);
  const line = `%pollinator attach ${id.slice(0, SHORT)}`;
  content.activeCell?.model.sharedModel.setSource(loaded ? line : `${LOAD}\n${line}`);
  await NotebookActions.run(content, sessionContext);
}

/**
 * Whether the kernel has loaded the magics. Of one that does not answer, as one that works or is being started does not,
 * nothing is assumed: to load them twice costs a line of output, not to load them the cell.
 */
async function isLoaded(kernel: Kernel.IKernelConnection | null): Promise<boolean> {
  if (!kernel) return false;
  const silence = new Promise<null>(resolve => setTimeout(() => resolve(null), ANSWER_MS));
  return (await Promise.race([ask(kernel), silence])) === 'True';
}

/** Ask a kernel, as text; null if it is dead, or restarted meanwhile. */
async function ask(kernel: Kernel.IKernelConnection): Promise<string | null> {
  try {
    const future = kernel.requestExecute({
      code: '',
      silent: true,
      store_history: false,
      user_expressions: { loaded: LOADED }
    });
    const { content } = await future.done;
    if (content.status !== 'ok') return null;
    const told = content.user_expressions['loaded'] as { data?: Record<string, string> };
    return told.data?.['text/plain'] ?? null;
  } catch {
    return null;
  }
}
