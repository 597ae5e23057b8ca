/** Reads the log of a job as it grows, while somebody looks. What was read is kept, and read once, whatever fails. */

import { Signal, type ISignal } from '@lumino/signaling';

import { ApiError } from '../colony/api';
import type { ILogPage, State } from '../colony/types';
import type { LogStore } from './logstore';

export type Ask = (cursor: string, size: number) => Promise<ILogPage>;

/** Characters of one request: the most that the server half gives, for small pieces of a log cost it as much as large ones. */
const SIZE = 1 << 20;
/** A running job is asked again after this time, ... */
const RUNNING_MS = 1_000;
/** ... one that waits has nothing to tell: its start is announced, this is for an announcement that was missed. */
const WAITING_MS = 5_000;
const LAST_RETRY_MS = 30_000;

export class LogReader {
  constructor(
    private readonly ask: Ask,
    private readonly store: LogStore
  ) {}

  /** Text has come, or an error, or the end. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Why the log could not be read, or null. */
  get trouble(): ApiError | null {
    return this._trouble;
  }

  /** Whether the job has ended and all that it wrote is there. */
  get complete(): boolean {
    return this._complete;
  }

  /** Whether anything was read. */
  get begun(): boolean {
    return this.cursor !== '';
  }

  /** Whether there is more already than was read. */
  get behind(): boolean {
    return this._behind;
  }

  /** Read while somebody looks, and not else. */
  setVisible(visible: boolean): void {
    this.visible = visible;
    this.hurry();
  }

  /** Tell what is known of the job, which decides how often it is asked. */
  setState(state: State): void {
    if (state === this.state) return;
    this.state = state;
    this.hurry();
  }

  /** Ask now what would be asked later. */
  hurry(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    void this.read();
  }

  dispose(): void {
    this.visible = false;
    clearTimeout(this.timer);
    Signal.clearData(this);
  }

  private async read(): Promise<void> {
    if (this.busy || !this.wanted()) return;
    this.busy = true;
    const state = this.state;
    let pause: number | null;
    try {
      this.take(await this.ask(this.cursor, SIZE));
      this.failures = 0;
      pause = this._behind || state !== this.state ? 0 : this.pace;
    } catch (error) {
      this._trouble = error instanceof ApiError ? error : new ApiError(0, String(error));
      pause = refused(this._trouble)
        ? null
        : Math.min(RUNNING_MS * 2 ** this.failures++, LAST_RETRY_MS);
    }
    this.busy = false;
    if (this.wanted() && pause !== null) {
      this.timer = setTimeout(() => this.hurry(), pause);
    }
    this._changed.emit();
  }

  private take(page: ILogPage): void {
    this._trouble = null;
    this.cursor = page.cursor;
    this._behind = page.more;
    this._complete = page.complete && !page.more;
    if (page.text) this.store.append(page.text);
    if (this._complete) this.store.finish();
  }

  /** Whether there may be more, and somebody looks. */
  private wanted(): boolean {
    return this.visible && !this._complete;
  }

  private get pace(): number {
    return this.state === 'waiting' ? WAITING_MS : RUNNING_MS;
  }

  private cursor = '';
  private state: State = 'running';
  private visible = false;
  private busy = false;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private _trouble: ApiError | null = null;
  private _behind = false;
  private _complete = false;
  private readonly _changed = new Signal<this, void>(this);
}

/** Whether asking again by itself makes no sense, e.g. because the colony knows no such job. */
function refused(error: ApiError): boolean {
  return error.status >= 400 && error.status < 500 && !error.missing;
}
