/** Tells of jobs that have ended, in JupyterLab's notifications. */

import type { Notification, NotificationManager } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import type { IJob } from '../colony/types';
import {
  common,
  gathered,
  type IGroup,
  isWanted,
  kind,
  sentence,
  type Wanted
} from './announcement';
import type { Notebooks } from '../panel/notebooks';

/** What ends within this time is told of together. */
const GATHER_MS = 1_000;
/** Good news goes by itself; it can be looked up later. */
const SHOWN_MS = 10_000;
/** So many notifications may grow. */
const GROWING = 50;

export class Announcer {
  constructor(
    private readonly notifications: NotificationManager,
    private readonly commands: CommandRegistry,
    private readonly notebooks: Notebooks,
    private readonly trans: TranslationBundle
  ) {}

  wanted: Wanted = 'background';

  /** Tell of jobs that have just ended, as far as it is wanted. */
  tell(jobs: readonly IJob[]): void {
    const news = jobs.filter(job =>
      isWanted(job, this.wanted, this.notebooks.isInSight(job.notebook))
    );
    this.pending.push(...news);
    if (this.pending.length) this.timer ??= setTimeout(this.flush, GATHER_MS);
  }

  private readonly flush = (): void => {
    this.timer = undefined;
    for (const group of gathered(this.pending.splice(0))) this.notify(group);
  };

  /** More jobs of a group that one has not dismissed yet change its notification. */
  private notify({ key, jobs }: IGroup): void {
    const before = this.told.get(key);
    const grows = before !== undefined && this.notifications.has(before.id);
    const all = grows ? [...before.jobs, ...jobs] : jobs;
    const message = sentence(all, this.trans);
    const type = kind(all);
    // What went wrong stays until somebody has seen it.
    const options = {
      actions: this.actions(all),
      autoClose: type === 'error' ? false : SHOWN_MS
    } as const;
    if (grows) this.notifications.update({ id: before.id, message, type, ...options });
    const id = grows ? before.id : this.notifications.notify(message, type, options);
    this.told.delete(key);
    this.told.set(key, { id, jobs: all });
    const [oldest] = this.told.keys();
    if (this.told.size > GROWING && oldest !== undefined) this.told.delete(oldest);
  }

  /** The labels are single words, because three of them have to fit into one line. */
  private actions(jobs: readonly IJob[]): Notification.IAction[] {
    const { trans } = this;
    const actions: Notification.IAction[] = [];
    const add = (label: string, caption: string, does: () => unknown): void => {
      actions.push({ label, caption, callback: () => void does() });
    };
    const [job, ...others] = jobs;
    if (job === undefined) return actions;
    const { id } = job;
    const execute = (command: string) => () => this.commands.execute(command, { id });
    if (others.length) {
      add(trans.__('Jobs'), trans.__('Show jobs'), execute('pollinator:open-panel'));
    } else {
      if (job.state === 'success') {
        add(trans.__('Results'), trans.__('Show results'), execute('pollinator:show-results'));
      }
      add(trans.__('Log'), trans.__('Open log'), execute('pollinator:open-job'));
    }
    const notebook = common(jobs.map(each => each.notebook));
    if (notebook) {
      add(trans.__('Notebook'), trans.__('Open notebook at the cell'), () =>
        this.notebooks.open(notebook, common(jobs.map(each => each.cell)))
      );
    }
    return actions;
  }

  private readonly pending: IJob[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly told = new Map<string, { id: string; jobs: readonly IJob[] }>();
}
