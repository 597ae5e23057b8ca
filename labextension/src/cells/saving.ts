/** Saves a notebook without asking anybody anything. */

import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Contents } from '@jupyterlab/services';

/** What the clocks of file systems differ by. */
const MARGIN_MS = 500;

/**
 * Save, unless the notebook is not to be written, or others have written the file: then JupyterLab would ask which of
 * the two to keep, out of the blue. It does so when the user saves.
 */
export async function saveQuietly(
  context: DocumentRegistry.IContext<DocumentRegistry.IModel>,
  contents: Contents.IManager
): Promise<void> {
  const { contentsModel, model } = context;
  if (!contentsModel?.writable || model.readOnly || model.collaborative) return;
  const file = await contents.get(context.path, { content: false });
  const known = new Date(contentsModel.last_modified).getTime();
  if (new Date(file.last_modified).getTime() - known <= MARGIN_MS) await context.save();
}
