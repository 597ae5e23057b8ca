/**
 * How the jobs are that some notebook of this page has: asked for once, and then kept up to date by the colony's
 * messages. What no notebook has is not kept.
 */

import { Signal, type ISignal } from '@lumino/signaling';

import type { Colony } from '../colony/colony';
import type { IJob, IJobFilter, IJobPage, State } from '../colony/types';
import { isOpen } from '../panel/states';
import { short } from '../results/paths';

/** Open jobs of a notebook in one request, and how many requests of each state are made. */
const LISTED = 500;
const PAGES = 2;
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

  /** Return what is known of a job, by its id or the first part of it. */
  get(name: string): IJob | undefined {
    return this.known.get(short(name));
  }

  /** Return the open jobs that the cells of a notebook have submitted, as far as the server's ledger knows. */
  submitted(notebook: string): IJob[] {
    return this.all.filter(job => job.notebook === notebook && job.cell && isOpen(job.state));
  }

  /** Find out, now or later, how these jobs are. */
  want(names: readonly string[]): void {
    for (const name of names) {
      if (this.wanted.has(short(name))) continue;
      this.wanted.set(short(name), name);
      this.asked.push(name);
    }
    void this.ask();
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
    this.asked.splice(0, Infinity, ...this.wanted.values());
    void this.ask();
    for (const notebook of this.notebooks) void this.list(notebook);
  }

  /** Ask for all together that are wanted by now; for those that come meanwhile, afterwards. */
  private async ask(): Promise<void> {
    if (!this.reachable || this.asking || !this.asked.length) return;
    this.asking = true;
    try {
      // A job of another colony, or one that was removed, is not in the reply: there is nothing to say of it.
      this.take(await this.colony.api.named(this.asked.splice(0)));
    } catch {
      // The colony is asked again when it is back.
    }
    this.asking = false;
    void this.ask();
  }

  private async list(notebook: string): Promise<void> {
    if (!this.reachable) return;
    try {
      for (const state of OPEN) await this.listAll({ mine: true, state, text: notebook });
    } catch {
      // The colony is asked again when it is back.
    }
  }

  private async listAll(filter: IJobFilter): Promise<void> {
    let cursor: string | null = null;
    for (let page = 0; page < PAGES && (page === 0 || cursor !== null); page++) {
      const reply: IJobPage = await this.colony.api.jobs(filter, cursor, LISTED);
      this.take(reply.jobs);
      cursor = reply.next;
    }
  }

  private take(jobs: readonly IJob[]): void {
    const news = jobs.filter(job => {
      const before = this.get(job.id);
      const ours = before ?? (this.wanted.has(short(job.id)) || this.notebooks.has(job.notebook));
      // A reply may be older than a message that has overtaken it.
      const old = before && !isOpen(before.state) && isOpen(job.state);
      const same = before?.state === job.state && before.notebook === job.notebook;
      return ours && !old && !same;
    });
    for (const job of news) this.known.set(short(job.id), job);
    if (news.length) this._changed.emit(news);
    for (const { id, state } of news) {
      if (!isOpen(state) && !this.wanted.has(short(id))) this.known.delete(short(id));
    }
  }

  /** By the first part of their ids. */
  private readonly known = new Map<string, IJob>();
  private readonly wanted = new Map<string, string>();
  private readonly notebooks = new Set<string>();
  private readonly asked: string[] = [];
  private asking = false;
  private readonly _changed = new Signal<this, readonly IJob[]>(this);
}
