/** The routes of the server half, one function each. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { spans } from '../panel/spans';
import type {
  IConnection,
  IExecutor,
  IGraphSize,
  IJob,
  IJobDetails,
  IJobFilter,
  IJobPage,
  ILogPage,
  INamed,
  IRecord,
  IResultList,
  Where
} from './types';

/** A request that the server half refused, or that did not get there (status 0); the message is for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** What to do, or nothing. */
    readonly remedy = ''
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** Whether nobody answers below our address: the server half is not installed or not enabled. */
  get missing(): boolean {
    return this.status === 404 && this.message === MISSING;
  }
}

/** Return what is wrong and what to do, for where there is only text: `code` is not marked as such. */
export function told(error: unknown): string {
  const said =
    error instanceof ApiError
      ? [error.message, error.remedy]
      : [error instanceof Error ? error.message : String(error)];
  return spans(said.filter(Boolean).join(' '))
    .map(({ text }) => text)
    .join('');
}

/** Jobs that are named in one request. */
const NAMED = 500;
const MISSING = 'The server half of pollinator_magic does not answer.';
const ENABLE =
  'Install pollinator-magic where the Jupyter server runs, or enable it there with ' +
  '`jupyter server extension enable pollinator_magic`, and restart the server.';

export class Api {
  constructor(readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings()) {}

  connection(): Promise<IConnection> {
    return this.get('connection');
  }

  /** Choose a colony; `start` starts the embedded one if it does not run. */
  choose(where: Where, start = false): Promise<IConnection> {
    return this.post('connection', { where, start });
  }

  async executors(): Promise<IExecutor[]> {
    return (await this.get<{ executors: IExecutor[] }>('executors')).executors;
  }

  jobs(filter: IJobFilter, cursor: string | null, count: number): Promise<IJobPage> {
    const query: Record<string, string> = { count: String(count) };
    if (filter.mine) query['mine'] = '1';
    if (filter.state) query['state'] = filter.state;
    if (filter.text) query['text'] = filter.text;
    if (cursor !== null) query['cursor'] = cursor;
    return this.get(`jobs${URLExt.objectToQueryString(query)}`);
  }

  job(id: string): Promise<IJobDetails> {
    return this.get(`jobs/${id}`);
  }

  /** Return those of these jobs that the colony has, in no order; a job is named by its id or the first part of it. */
  async named(names: readonly string[]): Promise<IJob[]> {
    const found: IJob[] = [];
    for (let begin = 0; begin < names.length; begin += NAMED) {
      const asked = { jobs: names.slice(begin, begin + NAMED) };
      found.push(...(await this.post<INamed>('jobs', asked)).jobs);
    }
    return found;
  }

  /** Return a job, if the colony has it, and how large the workflow is that it is a step of. */
  async withSize(id: string): Promise<{ job?: IJob | undefined; size?: IGraphSize | undefined }> {
    const { jobs, graphs } = await this.post<INamed>('jobs', { jobs: [id] });
    const [job] = jobs;
    return { job, size: graphs[job?.graph ?? ''] };
  }

  /** Cancel a job; a step only together with its whole workflow, which one has to want. */
  cancel(id: string, withGraph = false): Promise<IJob> {
    return this.post(`jobs/${id}/cancel`, { graph: withGraph });
  }

  /** Return at most `size` characters of the log, from a cursor that an earlier page gave, or from the beginning. */
  log(id: string, cursor: string, size: number): Promise<ILogPage> {
    return this.get(`jobs/${id}/log${URLExt.objectToQueryString({ cursor, size: String(size) })}`);
  }

  results(id: string): Promise<IResultList> {
    return this.get(`jobs/${id}/results`);
  }

  record(id: string): Promise<IRecord> {
    return this.get(`jobs/${id}/record`);
  }

  /** Return the record of a sweep of these jobs, in this order. */
  groupRecord(names: readonly string[]): Promise<IRecord> {
    return this.post('record', { jobs: names });
  }

  /** Return a result's bytes. */
  async result(id: string, name: string): Promise<Response> {
    return this.checked(await this.request(this.resultPath(id, name), {}));
  }

  /** Where the browser itself can fetch the whole log, as a download. */
  logAddress(id: string): string {
    return this.address(`jobs/${id}/log.txt`);
  }

  /** Where the browser itself can fetch a result, as a download. */
  resultAddress(id: string, name: string): string {
    return this.address(this.resultPath(id, name));
  }

  /** Where messages come from. */
  get eventsAddress(): string {
    const url = URLExt.join(this.settings.wsUrl, NAME, 'events');
    return this.settings.appendToken && this.settings.token
      ? `${url}?token=${encodeURIComponent(this.settings.token)}`
      : url;
  }

  private resultPath(id: string, name: string): string {
    return `jobs/${id}/results/${name.split('/').map(encodeURIComponent).join('/')}`;
  }

  private address(path: string): string {
    return `${URLExt.join(this.settings.baseUrl, NAME)}/${path}`;
  }

  private get<T>(path: string): Promise<T> {
    return this.json(path, {});
  }

  private post<T>(path: string, body: unknown): Promise<T> {
    return this.json(path, { method: 'POST', body: JSON.stringify(body) });
  }

  private async json<T>(path: string, init: RequestInit): Promise<T> {
    const response = await this.checked(await this.request(path, init));
    return (await response.json()) as T;
  }

  private async request(path: string, init: RequestInit): Promise<Response> {
    try {
      return await ServerConnection.makeRequest(this.address(path), init, this.settings);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ApiError(0, `The Jupyter server does not answer: ${reason}`);
    }
  }

  private async checked(response: Response): Promise<Response> {
    if (response.ok) return response;
    let said: { message?: unknown; remedy?: unknown };
    try {
      said = (await response.json()) as typeof said;
    } catch {
      said = {};
    }
    const message = typeof said.message === 'string' ? said.message : '';
    if (response.status === 404 && typeof said.remedy !== 'string') {
      throw new ApiError(404, MISSING, ENABLE);
    }
    throw new ApiError(
      response.status,
      message || `The Jupyter server answered ${response.status}.`,
      typeof said.remedy === 'string' ? said.remedy : ''
    );
  }
}

const NAME = 'pollinator-magic';
