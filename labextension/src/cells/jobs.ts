/**
 * How the jobs are that some notebook of this page has: asked for once, and then kept up to date by the colony's
 * messages. What no notebook has is not kept.
 */

import { Signal, type ISignal } from '@lumino/signaling';

import type { Colony } from '../colony/colony';
import type { IJob, State } from '../colony/types';
import { isOpen } from '../panel/states';

const AT_ONCE = 4;
/** Open jobs of a notebook that are looked at, of each state. */
const LISTED = 200;
const OPEN: State[] = ['running', 'waiting'];

export class Jobs {
  constructor(private readonly colony: Colony) {
    colony.jobsChanged.connect((_, jobs) => this.take(jobs));
    colony.reset.connect(() => this.askAgain());
  }

  /** These jobs are in another state than before, or known for the first time. */
  get changed(): ISignal<this, readonly IJob[]> {
    return this._changed;
  }

  /** Return what is known of a job. */
  get(id: string): IJob | undefined {
    return this.known.get(id);
  }

  /** Return the open jobs that the cells of a notebook have submitted, as far as the server's ledger knows. */
  submitted(notebook: string): IJob[] {
    return this.all.filter(job => job.notebook === notebook && job.cell && isOpen(job.state));
  }

  /** Find out, now or later, how these jobs are. */
  want(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.wanted.has(id)) continue;
      this.wanted.add(id);
      this.asked.push(id);
    }
    this.ask();
  }

  /** Find out, now and from now on, which open jobs a notebook has submitted. */
  follow(notebook: string): void {
    if (this.notebooks.has(notebook)) return;
    this.notebooks.add(notebook);
    void this.list(notebook);
  }

  private get all(): IJob[] {
    return [...this.known.values()];
  }

  private get reachable(): boolean {
    return this.colony.connection?.reachable === true;
  }

  private askAgain(): void {
    const before = this.all;
    this.known.clear();
    this._changed.emit(before);
    this.asked.splice(0, Infinity, ...this.wanted);
    this.ask();
    for (const notebook of this.notebooks) void this.list(notebook);
  }

  private ask(): void {
    while (this.reachable && this.asking < AT_ONCE) {
      const id = this.asked.shift();
      if (id === undefined) return;
      this.asking += 1;
      this.colony.api
        .job(id)
        .then(job => this.take([job]))
        // A job of another colony, or one that was removed: there is nothing to say of it.
        .catch(() => undefined)
        .finally(() => {
          this.asking -= 1;
          this.ask();
        });
    }
  }

  private async list(notebook: string): Promise<void> {
    if (!this.reachable) return;
    for (const state of OPEN) {
      try {
        const filter = { mine: true, state, text: notebook };
        this.take((await this.colony.api.jobs(filter, null, LISTED)).jobs);
      } catch {
        return; // the colony is asked again when it is back
      }
    }
  }

  private take(jobs: readonly IJob[]): void {
    const news = jobs.filter(job => {
      const before = this.known.get(job.id);
      const ours = this.wanted.has(job.id) || this.notebooks.has(job.notebook);
      // A reply may be older than a message that has overtaken it.
      const old = before && !isOpen(before.state) && isOpen(job.state);
      return ours && !old && before?.state !== job.state;
    });
    for (const job of news) this.known.set(job.id, job);
    if (news.length) this._changed.emit(news);
    for (const job of news) {
      if (!isOpen(job.state) && !this.wanted.has(job.id)) this.known.delete(job.id);
    }
  }

  private readonly known = new Map<string, IJob>();
  private readonly wanted = new Set<string>();
  private readonly notebooks = new Set<string>();
  private readonly asked: string[] = [];
  private asking = 0;
  private readonly _changed = new Signal<this, readonly IJob[]>(this);
}
