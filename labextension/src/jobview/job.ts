/** One job as the server half describes it, asked for again whenever it may have changed. */

import { Signal, type ISignal } from '@lumino/signaling';

import { ApiError } from '../colony/api';
import type { Colony } from '../colony/colony';
import type { IJob, IJobDetails } from '../colony/types';
import { isOpen } from '../panel/states';

/** An executor adds attributes to a job while it runs, which nobody announces. */
const RUNNING_MS = 10_000;

export class Job {
  constructor(
    readonly id: string,
    readonly colony: Colony
  ) {
    colony.jobsChanged.connect((_, jobs) => this.take(jobs), this);
    colony.reset.connect(() => this.refresh(), this);
    this.refresh();
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Null until they are known. */
  get details(): IJobDetails | null {
    return this._details;
  }

  /** Why they could not be read, or null. */
  get trouble(): ApiError | null {
    return this._trouble;
  }

  /** Whether it may still do something; null while that is not known. */
  get open(): boolean | null {
    return this._details && isOpen(this._details.state);
  }

  /** Keep what nobody announces up to date while somebody looks. */
  setVisible(visible: boolean): void {
    clearInterval(this.timer);
    if (visible) this.timer = setInterval(() => this.open && this.refresh(), RUNNING_MS);
  }

  /** Ask again. */
  refresh(): void {
    this.stale = true;
    if (!this.busy) void this.read();
  }

  dispose(): void {
    this.disposed = true;
    clearInterval(this.timer);
    Signal.clearData(this);
  }

  private async read(): Promise<void> {
    this.busy = true;
    while (this.stale && !this.disposed) {
      this.stale = false;
      try {
        this._details = await this.colony.api.job(this.id);
        this.colony.setClock(this._details.now);
        this._trouble = null;
      } catch (error) {
        this._trouble = error instanceof ApiError ? error : new ApiError(0, String(error));
      }
      this._changed.emit();
    }
    this.busy = false;
  }

  /** A job that has changed says so in short; the rest is asked for. */
  private take(jobs: readonly IJob[]): void {
    const news = jobs.find(job => job.id === this.id);
    if (!news) return;
    if (this._details) {
      this._details = { ...this._details, ...news };
      this._changed.emit();
    }
    this.refresh();
  }

  private busy = false;
  private stale = false;
  private disposed = false;
  private timer: ReturnType<typeof setInterval> | undefined;
  private _details: IJobDetails | null = null;
  private _trouble: ApiError | null = null;
  private readonly _changed = new Signal<this, void>(this);
}
