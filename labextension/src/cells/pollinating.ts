/** Cells that become jobs and come back: a change of one line, which one undo takes back. */

import { Dialog } from '@jupyterlab/apputils';
import type { Cell, ICodeCellModel } from '@jupyterlab/cells';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Colony } from '../colony/colony';
import { lineOf, readLine, withLine, withoutLine, writeLine, type IEdit } from './line';
import { lastChoice, rememberChoice } from './memory';
import { Picker } from './picker';

const BACK = 'pollinator-back';

/** Whether a cell can become a job: it is code that may be edited. */
export function canPollinate(cell: Cell | null): cell is Cell<ICodeCellModel> {
  return cell?.model.type === 'code' && cell.model.getMetadata('editable') !== false;
}

export function isPollinated(cell: Cell): boolean {
  return lineOf(cell.model.sharedModel.getSource()) !== null;
}

/** Ask where the cell shall run, and write it into its first line; or take the line away, if that is what is wanted. */
export async function pollinate(
  cell: Cell,
  colony: Colony,
  trans: TranslationBundle
): Promise<void> {
  const line = lineOf(cell.model.sharedModel.getSource());
  const choice = line === null ? lastChoice() : readLine(line);
  const body = new Picker({ colony, trans, line, choice });
  const result = await new Dialog({
    title:
      line === null ? trans.__('Run Cell on the Colony') : trans.__('Change Where the Cell Runs'),
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      ...(line === null
        ? []
        : [
            Dialog.createButton({
              label: trans.__('Run Here Again'),
              caption: trans.__('Take the line away, so that the kernel runs the cell'),
              accept: false,
              actions: [BACK]
            })
          ]),
      Dialog.okButton({ label: line === null ? trans.__('Pollinate') : trans.__('Change') })
    ],
    defaultButton: line === null ? 1 : 2,
    focusNodeSelector: '#pollinator-executor'
  }).launch();
  if (cell.isDisposed) return;
  // The cell may have changed meanwhile, where others edit it too.
  const source = cell.model.sharedModel.getSource();
  if (result.button.actions.includes(BACK)) {
    apply(cell, withoutLine(source));
  } else if (result.button.accept && result.value) {
    rememberChoice(result.value);
    apply(cell, withLine(source, writeLine(lineOf(source), result.value)));
  }
}

/** Let a cell run on this executor, with all else as it is. */
export function putExecutor(cell: Cell, executor: string): void {
  const source = cell.model.sharedModel.getSource();
  apply(cell, withLine(source, writeLine(lineOf(source), { executor })));
}

function apply(cell: Cell, edit: IEdit | null): void {
  if (edit) cell.model.sharedModel.updateSource(edit.start, edit.end, edit.text);
}
