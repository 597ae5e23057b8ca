/** The results of one job as a page shows them: read when they are asked for, and again when the job has moved on. */

import { Signal, type ISignal } from '@lumino/signaling';

import { ApiError } from '../colony/api';
import type { Colony } from '../colony/colony';
import type { IJob, IResultFile } from '../colony/types';

export class ResultList {
  constructor(
    private readonly colony: Colony,
    readonly id: string
  ) {
    colony.jobsChanged.connect(this.onJobs, this);
    colony.reset.connect(this.refresh, this);
    this.refresh();
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Null until they have been read; in the server half's order. */
  get files(): readonly IResultFile[] | null {
    return this._files;
  }

  /** What is not among the files, in sentences. */
  get notes(): readonly string[] {
    return this._notes;
  }

  /** Whether nothing will come any more. */
  get complete(): boolean {
    return this._complete;
  }

  /** The job itself; null until it is known. */
  get job(): IJob | null {
    return this._job;
  }

  /** Why they could not be read, or null. */
  get error(): ApiError | null {
    return this._error;
  }

  get loading(): boolean {
    return this._loading;
  }

  /** Read everything again. */
  readonly refresh = (): void => {
    void this.read();
  };

  dispose(): void {
    this.reading++;
    Signal.clearData(this);
  }

  private readonly onJobs = (_: Colony, jobs: readonly IJob[]): void => {
    if (jobs.some(job => job.id === this.id)) this.refresh();
  };

  private async read(): Promise<void> {
    const reading = ++this.reading;
    this._loading = true;
    this._changed.emit();
    try {
      const { api } = this.colony;
      const [job, { files, notes, complete }] = await Promise.all([
        api.job(this.id),
        api.results(this.id)
      ]);
      if (reading !== this.reading) return;
      this._job = job;
      this._files = files;
      this._notes = notes;
      this._complete = complete;
      this._error = null;
    } catch (error) {
      if (reading !== this.reading) return;
      this._error = error instanceof ApiError ? error : new ApiError(0, String(error));
    }
    this._loading = false;
    this._changed.emit();
  }

  private _files: readonly IResultFile[] | null = null;
  private _notes: readonly string[] = [];
  private _complete = false;
  private _job: IJob | null = null;
  private _error: ApiError | null = null;
  private _loading = true;
  /** Which reading is the newest: replies may overtake each other. */
  private reading = 0;
  private readonly _changed = new Signal<this, void>(this);
}
