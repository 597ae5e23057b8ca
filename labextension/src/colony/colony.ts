/**
 * The colony as the page knows it: one connection to the server half for all views, kept up to date by its messages.
 *
 * Views read and listen; they ask nobody else. What is in memory is bounded: jobs are held by whoever shows a page of
 * them, and the colony only passes on which of them have changed.
 */

import { Signal, type ISignal } from '@lumino/signaling';

import { Api, ApiError } from './api';
import type { IConnection, ICounts, IExecutor, IJob, Message, Where } from './types';

/** Why nothing can be shown. */
export interface ITrouble {
  problem: string;
  remedy: string;
  /** Whether the server half itself is missing. */
  missing: boolean;
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

export class Colony {
  constructor(readonly api: Api = new Api()) {}

  /** Null until the server half has answered. */
  get connection(): IConnection | null {
    return this._connection;
  }

  /** Null until they have been asked for. */
  get executors(): IExecutor[] | null {
    return this._executors;
  }

  get counts(): ICounts {
    return this._counts;
  }

  /** Null while the server half answers and reaches its colony. */
  get trouble(): ITrouble | null {
    return this._trouble;
  }

  /** The connection, what is wrong with it, or which colony it is. */
  get connectionChanged(): ISignal<this, void> {
    return this._connectionChanged;
  }

  get executorsChanged(): ISignal<this, void> {
    return this._executorsChanged;
  }

  get countsChanged(): ISignal<this, void> {
    return this._countsChanged;
  }

  /** These jobs are new, or in another state than before. */
  get jobsChanged(): ISignal<this, readonly IJob[]> {
    return this._jobsChanged;
  }

  /** Everything may be different: another colony was chosen, or messages may have been missed. Read again. */
  get reset(): ISignal<this, void> {
    return this._reset;
  }

  /** The time of the colony's clock. */
  get now(): number {
    return Date.now() + this._ahead;
  }

  /** Learn how far the colony's clock is ahead of the page's. */
  setClock(now: number): void {
    this._ahead = now - Date.now();
  }

  /** Begin to listen; does nothing if that has begun. */
  start(): void {
    if (this._socket === null && this._timer === null && !this._disposed) this.listen();
  }

  /** Listen to nobody any more. */
  dispose(): void {
    this._disposed = true;
    if (this._timer !== null) clearTimeout(this._timer);
    this._socket?.close();
    Signal.clearData(this);
  }

  /** Choose the colony that every page of this server shows; `start` starts the embedded one if it does not run. */
  async choose(where: Where, start = false): Promise<void> {
    this.take({ kind: 'connection', connection: await this.api.choose(where, start) });
  }

  /** Try now what would be tried later. */
  async retry(): Promise<void> {
    if (this._timer !== null) {
      clearTimeout(this._timer);
      this._timer = null;
      this.listen();
    }
    await this.ask();
  }

  /** Ask for the executors; whoever listens hears of them. */
  async refreshExecutors(): Promise<void> {
    this.take({ kind: 'executors', executors: await this.api.executors() });
  }

  private listen(): void {
    const socket = new this.api.settings.WebSocket(this.api.eventsAddress);
    this._socket = socket;
    socket.onopen = () => {
      this._retryMs = FIRST_RETRY_MS;
      if (this._missed) this._reset.emit();
      this._missed = false;
    };
    socket.onmessage = (event: MessageEvent<string>) =>
      this.take(JSON.parse(event.data) as Message);
    socket.onclose = () => {
      this._socket = null;
      this._missed = true;
      if (!this._disposed) void this.wait();
    };
  }

  /** Find out why nobody sends messages, and try again after a while. */
  private async wait(): Promise<void> {
    this._timer = setTimeout(() => {
      this._timer = null;
      this.listen();
    }, this._retryMs);
    this._retryMs = Math.min(2 * this._retryMs, LAST_RETRY_MS);
    await this.ask();
  }

  /** Ask for the connection; whoever listens hears of it, or of why there is none. */
  private async ask(): Promise<void> {
    try {
      this.take({ kind: 'connection', connection: await this.api.connection() });
    } catch (error) {
      const known = error instanceof ApiError ? error : new ApiError(0, String(error));
      if (this._disposed) return;
      this._trouble = { problem: known.message, remedy: known.remedy, missing: known.missing };
      this._connectionChanged.emit();
    }
  }

  private take(message: Message): void {
    if (this._disposed) return;
    switch (message.kind) {
      case 'connection':
        this.connected(message.connection);
        break;
      case 'executors':
        this._executors = message.executors;
        this._executorsChanged.emit();
        break;
      case 'jobs':
        this.setClock(message.now);
        this._counts = message.counts;
        this._countsChanged.emit();
        if (message.jobs.length) this._jobsChanged.emit(message.jobs);
        break;
    }
  }

  private connected(connection: IConnection): void {
    const before = this._connection;
    this._connection = connection;
    this._trouble = connection.reachable
      ? null
      : { problem: connection.problem, remedy: connection.remedy, missing: false };
    this._connectionChanged.emit();
    const same =
      before?.where === connection.where &&
      before.server === connection.server &&
      before.colony === connection.colony &&
      before.identity === connection.identity;
    if (!same || (connection.reachable && !before.reachable)) {
      this._executors = null;
      this._reset.emit();
    }
  }

  private _connection: IConnection | null = null;
  private _executors: IExecutor[] | null = null;
  private _counts: ICounts = { waiting: 0, running: 0 };
  private _trouble: ITrouble | null = null;
  private _ahead = 0;
  private _socket: WebSocket | null = null;
  private _timer: ReturnType<typeof setTimeout> | null = null;
  private _retryMs = FIRST_RETRY_MS;
  /** Whether messages may have been missed because nobody listened for a while. */
  private _missed = false;
  private _disposed = false;
  private readonly _connectionChanged = new Signal<this, void>(this);
  private readonly _executorsChanged = new Signal<this, void>(this);
  private readonly _countsChanged = new Signal<this, void>(this);
  private readonly _jobsChanged = new Signal<this, readonly IJob[]>(this);
  private readonly _reset = new Signal<this, void>(this);
}
