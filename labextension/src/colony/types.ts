/** What the server half sends: the shapes of its replies and messages. Times are milliseconds since 1970, by the colony's clock. */

export type State = 'waiting' | 'running' | 'success' | 'failed' | 'cancelled';

/** Which of the two colonies: the embedded one of this machine, or the one that the server's environment names. */
export type Where = 'local' | 'remote';

export interface IChoice {
  where: Where;
  title: string;
  /** Why it cannot be chosen, or nothing. */
  problem: string;
}

export interface IConnection {
  where: Where;
  choices: IChoice[];
  colony: string;
  server: string;
  /** The user's name in the colony; empty while nobody has answered. */
  user: string;
  /** The user's identity, which is public. */
  identity: string;
  reachable: boolean;
  /** Why it is not reachable, and what to do; empty if it is. */
  problem: string;
  remedy: string;
}

export interface IExecutor {
  name: string;
  type: string;
  place: string;
  /** One word, e.g. "idle", "busy", "quiet". */
  condition: string;
  alive: boolean;
  /** Whether a job may name it. */
  usable: boolean;
  nodes: number;
  /** E.g. "64 CPU", "256Gi", "4 x A100"; empty if it does not tell. */
  cpu: string;
  mem: string;
  gpu: string;
  hardware: string;
  /** How many jobs, e.g. "3", or "100+" where the server does not list them all. */
  running: string;
  waiting: string;
  /** Seconds since it last asked for work; null if it never has. */
  heard: number | null;
}

export interface IJob {
  id: string;
  state: State;
  /** The executor that runs it, or those that may; "any" if it names none. */
  executor: string;
  submitted: number | null;
  started: number | null;
  ended: number | null;
  retries: number;
  by: string;
  mine: boolean;
  project: string;
  /** Where its notebook lies below the server's directory; empty if it is none's, or lies elsewhere. */
  notebook: string;
  /** The id of the cell that submitted it, or nothing. */
  cell: string;
  /** What a sweep has set for it, e.g. "lr=0.1"; empty for a job of its own. */
  parameters: string;
  /** The name of the step that it is of its workflow. */
  step: string;
  /** The workflow that it is a step of: the id of its process graph; empty for a job of its own. */
  graph: string;
}

/** The steps of a workflow, as far as they are known. */
export interface IGraphSize {
  steps: number;
  /** How many of them have not ended. */
  open: number;
}

/** Jobs that one has named, and how large the workflows are that they are steps of. */
export interface INamed {
  jobs: IJob[];
  graphs: Record<string, IGraphSize>;
}

export interface ICounts {
  waiting: number;
  running: number;
}

export interface IJobFilter {
  mine: boolean;
  /** Empty for every state. */
  state: State | '';
  /** Found in id, executor, project, notebook, user, parameters, step or workflow; empty for all. */
  text: string;
}

export interface IJobPage {
  jobs: IJob[];
  /** Where the next page begins; null after the last. */
  next: string | null;
  /** How many satisfy the filter. */
  total: number;
  counts: ICounts;
  now: number;
}

export interface IJobDetails extends IJob {
  errors: string[];
  attributes: { key: string; value: string }[];
  /** The function specification as it was submitted; environment values that look like secrets are hidden. */
  spec: unknown;
  /** Why it waits, or nothing. */
  why: string;
  waitDeadline: number | null;
  execDeadline: number | null;
  /** Its page on the colony's dashboard, or nothing. */
  dashboard: string;
  now: number;
}

export interface ILogPage {
  /**
   * Text as the job wrote it: may hold colours (SGR), carriage returns, backspaces and erasing in a line (EL), no other
   * control sequences.
   */
  text: string;
  /** Where the next page begins; give it back as it is. */
  cursor: string;
  /** Whether there is more already. */
  more: boolean;
  /** Whether the job has ended and all of its log has been read. */
  complete: boolean;
}

export interface IResultFile {
  /** Relative, with "/" between directories. */
  name: string;
  size: number;
  sha256: string;
}

export interface IResultList {
  files: IResultFile[];
  /** What is not in the list, in sentences. */
  notes: string[];
  /** Whether the job has ended, so that nothing will come any more. */
  complete: boolean;
}

/** The static record of a job, as its cell keeps it when it is over. */
export interface IRecord {
  closed: boolean;
  html: string;
  text: string;
}

export type Message =
  | { kind: 'connection'; connection: IConnection }
  | { kind: 'jobs'; jobs: IJob[]; counts: ICounts; now: number }
  | { kind: 'executors'; executors: IExecutor[] };
