/**
 * The jobs that satisfy a filter, in the server half's order, of which only those in sight are held.
 *
 * The list is a chain of pages: each page's reply tells where the next begins. Where pages begin is remembered for all
 * that were ever reached, what they hold only for those near the rows that are shown. A page that is read again may lead
 * elsewhere than before, because jobs have come or gone; then the page behind it is read again from there once it is
 * needed. What is shown stays until something newer has arrived.
 */

import { Signal, type ISignal } from '@lumino/signaling';

import { ApiError } from '../colony/api';
import type { IJob, IJobFilter, IJobPage } from '../colony/types';
import type { IRange } from './windowing';

export type Fetch = (filter: IJobFilter, cursor: string | null, count: number) => Promise<IJobPage>;

interface IPage {
  cursor: string | null;
  /** How many jobs it has, as far as is known. */
  size: number;
  /** Null while nobody looks at them. */
  jobs: IJob[] | null;
  stale: boolean;
}

/** Jobs of one request. */
export const PAGE = 100;
/** Jobs may come and go many times a second; the list is read again at most this often. */
const REFRESH_MS = 1_000;

export class JobList {
  constructor(
    private readonly fetch: Fetch,
    filter: IJobFilter
  ) {
    this._filter = filter;
  }

  /** Something that is shown is different. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get filter(): IJobFilter {
    return this._filter;
  }

  /** How many jobs satisfy the filter; null until the server half has said so. */
  get total(): number | null {
    return this._total;
  }

  /** How many rows there are to scroll through, as far as is known. */
  get rows(): number {
    const known = this.pages.reduce((sum, page) => sum + page.size, 0);
    return this.tail === null ? known : Math.max(this._total ?? 0, known + 1);
  }

  /** Whether what is shown is not (yet) what the filter asks for. */
  get loading(): boolean {
    return this._fresh;
  }

  /** Why the list could not be read, or null. */
  get error(): ApiError | null {
    return this._error;
  }

  /** How many jobs are held. */
  get held(): number {
    return this.pages.reduce((sum, page) => sum + (page.jobs?.length ?? 0), 0);
  }

  /** Return the job of a row, if it is there. */
  at(row: number): IJob | undefined {
    let start = 0;
    for (const page of this.pages) {
      if (row < start + page.size) return page.jobs?.[row - start];
      start += page.size;
    }
    return undefined;
  }

  /** Return the row of a job that is held, or -1. */
  rowOf(id: string): number {
    let start = 0;
    for (const page of this.pages) {
      const row = page.jobs?.findIndex(job => job.id === id) ?? -1;
      if (row >= 0) return start + row;
      start += page.size;
    }
    return -1;
  }

  /** Show other jobs from now on. */
  setFilter(filter: IJobFilter): void {
    const before = this._filter;
    if (
      before.mine === filter.mine &&
      before.state === filter.state &&
      before.text === filter.text
    ) {
      return;
    }
    this._filter = filter;
    this.restart();
  }

  /** Read everything again, from the beginning. */
  restart(): void {
    this.generation++;
    this._fresh = true;
    this._error = null;
    this._changed.emit();
    void this.load();
  }

  /** Forget everything: these are another colony's jobs. */
  clear(): void {
    this.pages = [];
    this.tail = null;
    this._total = null;
    this.restart();
  }

  /** These rows are in sight. */
  show(range: IRange): void {
    if (range.first === this.shown.first && range.end === this.shown.end) return;
    this.shown = range;
    void this.load();
  }

  /** Ask for nothing while nobody looks; what was missed is made up for afterwards. */
  setActive(active: boolean): void {
    if (this.active === active) return;
    this.active = active;
    if (active) void this.load();
  }

  /** These jobs are new, or in another state than before. */
  update(jobs: readonly IJob[]): void {
    const news = new Map(jobs.map(job => [job.id, job]));
    let changed = false;
    for (const page of this.pages) {
      if (page.jobs?.some(job => news.has(job.id))) {
        page.jobs = page.jobs.map(job => take(news, job));
        changed = true;
      }
    }
    const elsewhere = jobs.some(job => news.has(job.id) || !this.belongs(job));
    if (changed) this._changed.emit();
    if (elsewhere) this.refreshSoon();
  }

  dispose(): void {
    this.generation++;
    this.active = false;
    clearTimeout(this.timer);
    Signal.clearData(this);
  }

  /** Whether a job may be shown, as far as can be told without the server half. */
  private belongs(job: IJob): boolean {
    return !this._filter.state || job.state === this._filter.state;
  }

  private refreshSoon(): void {
    if (this.timer !== undefined) return;
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this._error = null;
        for (const page of this.pages) page.stale = true;
        void this.load();
      },
      Math.max(this.refreshed + REFRESH_MS - Date.now(), 0)
    );
  }

  /** Read what is missing of the rows in sight, one page after the other. */
  private async load(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.active && this._error === null) {
        const page = this.needed();
        if (page === null) break;
        await this.read(page);
      }
    } finally {
      this.busy = false;
    }
  }

  /** Return the page to read next: one in sight that is not there or is stale, or the next on the way to those rows. */
  private needed(): IPage | null {
    if (this._fresh) return { cursor: null, size: 0, jobs: null, stale: true };
    let start = 0;
    for (const page of this.pages) {
      const seen = this.overlaps(start, page.size, 0);
      if (seen && (page.jobs === null || page.stale)) return page;
      if (!this.overlaps(start, page.size, PAGE)) page.jobs = null;
      start += page.size;
    }
    if (this.tail === null || start >= this.shown.end) return null;
    return { cursor: this.tail, size: 0, jobs: null, stale: true };
  }

  /** Whether a page that begins at a row lies in sight, or at most so many rows away; a first page that is empty does. */
  private overlaps(start: number, size: number, margin: number): boolean {
    const { first, end } = this.shown;
    return start < end + margin && start + Math.max(size, 1) > first - margin;
  }

  private async read(page: IPage): Promise<void> {
    const generation = this.generation;
    let reply: IJobPage;
    this.refreshed = Date.now();
    try {
      reply = await this.fetch(this._filter, page.cursor, PAGE);
    } catch (error) {
      if (generation !== this.generation) return;
      this._error = error instanceof ApiError ? error : new ApiError(0, String(error));
      this._changed.emit();
      return;
    }
    if (generation === this.generation) this.place(page, reply);
  }

  /** Put a page into the chain. */
  private place(page: IPage, reply: IJobPage): void {
    if (this._fresh) {
      this.pages = [];
      this._fresh = false;
    }
    page.jobs = reply.jobs;
    page.size = reply.jobs.length;
    page.stale = false;
    const index = this.pages.indexOf(page);
    const place = index < 0 ? this.pages.push(page) - 1 : index;
    const next = this.pages[place + 1];
    if (next !== undefined && next.cursor !== reply.next) this.lead(place, reply.next);
    if (this.pages.length === place + 1) this.tail = reply.next;
    this._total = reply.total;
    this._changed.emit();
  }

  /** The page behind this one begins elsewhere than before: those behind it are unknown, but one in sight stays in sight. */
  private lead(place: number, cursor: string | null): void {
    const next = this.pages[place + 1];
    const start = this.pages.slice(0, place + 1).reduce((sum, page) => sum + page.size, 0);
    if (next === undefined || cursor === null || !this.overlaps(start, next.size, 0)) {
      this.pages.length = place + 1;
    } else {
      next.cursor = cursor;
      next.stale = true;
    }
  }

  private _filter: IJobFilter;
  private _total: number | null = null;
  private _fresh = true;
  private _error: ApiError | null = null;
  private pages: IPage[] = [];
  /** Where the page behind the last known one begins; null if there is none. */
  private tail: string | null = null;
  private shown: IRange = { first: 0, end: 1 };
  private active = false;
  private busy = false;
  private generation = 0;
  private refreshed = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly _changed = new Signal<this, void>(this);
}

function take(news: Map<string, IJob>, job: IJob): IJob {
  const newer = news.get(job.id);
  news.delete(job.id);
  return newer ?? job;
}
