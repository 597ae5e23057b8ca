/**
 * Cancel on a card, whatever the kernel is doing: the click goes to the server half, too.
 *
 * It goes on to the kernel as well, which cancels again as soon as it can; of a job that is over that changes nothing.
 */

import type { INotebookTracker } from '@jupyterlab/notebook';

import type { Colony } from '../colony/colony';
import type { IJob } from '../colony/types';
import { isOpen } from '../panel/states';
import { cardOf, isId } from './card';

const BUTTON = 'button.pollinator-cancel';
const JOB = 'pollinator-job-';
/** The button of a sweep or a workflow, which says that it is about all of it. */
const GROUP = 'pollinator-group';
/** On the body: buttons may be shown that only we can do anything for. */
const CAN_CANCEL = 'pollinator-can-cancel';
const AT_ONCE = 4;
/** So long a kernel that hears the click may take to show it. */
const KERNEL_MS = 3_000;

export interface ICancellingOptions {
  colony: Colony;
  notebooks: INotebookTracker;
  /** What a button says that has been clicked. */
  cancelling: string;
  /** Say that it did not work. */
  failed: (error: unknown) => void;
}

/** Listen to the clicks of this page. */
export function cancelByServer(options: ICancellingOptions): void {
  const { colony } = options;
  const show = (): void => {
    document.body.classList.toggle(CAN_CANCEL, canCancel(colony));
  };
  colony.connectionChanged.connect(show);
  show();
  // Before the widget hears of it, which may be late or never.
  document.addEventListener('click', event => onClick(event, options), true);
}

function canCancel({ connection, trouble }: Colony): boolean {
  return connection !== null && trouble?.missing !== true;
}

function onClick(event: MouseEvent, options: ICancellingOptions): void {
  const { target } = event;
  const button = target instanceof Element ? target.closest<HTMLButtonElement>(BUTTON) : null;
  if (!button || !canCancel(options.colony)) return;
  const ids = jobsOf(button, options.notebooks);
  // Once the click has been passed on: a button that is disabled has none.
  if (ids.length) setTimeout(() => void cancel(ids, button, options));
}

/** Return the jobs that a button cancels: that of its class, or those of the cards in its cell. */
function jobsOf(button: Element, notebooks: INotebookTracker): string[] {
  const own = [...button.classList]
    .filter(name => name.startsWith(JOB))
    .map(name => name.slice(JOB.length));
  if (own.length) return own.filter(isId);
  const panel = notebooks.find(({ node }) => node.contains(button));
  const outputs = panel?.content.widgets.find(({ node }) => node.contains(button))?.model.toJSON()[
    'outputs'
  ];
  return groupsIn(outputs);
}

function openOf(jobs: readonly IJob[]): string[] {
  return jobs.filter(job => isOpen(job.state)).map(job => job.id);
}

function groupsIn(outputs: unknown): string[] {
  const all = Array.isArray(outputs) ? outputs : [];
  return all.flatMap(({ metadata }: { metadata?: Parameters<typeof cardOf>[0] }) => {
    const card = metadata ? cardOf(metadata) : null;
    return card?.group && !card.final ? card.jobs : [];
  });
}

/**
 * Cancel the jobs, a few at a time; say so at once on the button, and if it did not work take that back. That is told only
 * if the kernel has not heard the click either: it may know the job where the server half looks at another colony.
 */
async function cancel(
  ids: string[],
  button: HTMLButtonElement,
  { colony, cancelling, failed }: ICancellingOptions
): Promise<void> {
  const before = button.textContent;
  const isOfMany = button.classList.contains(GROUP);
  button.disabled = true;
  button.textContent = cancelling;
  try {
    const left = ids.every(isId) ? [...ids] : openOf(await colony.api.named(ids));
    const work = async (): Promise<void> => {
      for (let id = left.shift(); id !== undefined; id = left.shift()) {
        await colony.api.cancel(id, isOfMany);
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, ids.length) }, work));
  } catch (error) {
    button.disabled = false;
    button.textContent = before;
    setTimeout(() => {
      if (button.isConnected && !button.disabled) failed(error);
    }, KERNEL_MS);
  }
}
