/**
 * Counts the matches of a user's regular expression in a thread of its own.
 *
 * Some expressions take longer than anybody waits, in a line of thirty characters: (a+)+$ is one. Nothing but the end of
 * its thread stops such a search. What the thread has found quickly, the page may look for again in the same lines.
 */

import type { IAnswer, IQuestion } from './counting';

/** An expression that takes too long. */
export class TooSlow extends Error {
  override readonly name = 'TooSlow';
}

/** Lines of this many characters are searched at once; usually that takes about a millisecond. */
export const PIECE = 1 << 16;
/** They may take so long, ... */
const SLOW_MS = 250;
/** ... and after this time, which a thread that gets no processor has too, the thread is ended. */
const PATIENCE_MS = 3_000;

/** As much of a worker as is needed. */
export type Thread = Pick<Worker, 'postMessage' | 'terminate' | 'onmessage' | 'onerror'>;

export class Counter {
  constructor(private readonly start: () => Thread = startThread) {}

  /** Return how often a pattern is found in each of the lines; throws TooSlow. Only one question at a time. */
  async count(pattern: RegExp, texts: readonly string[]): Promise<number[]> {
    const question: IQuestion = { source: pattern.source, flags: pattern.flags, texts };
    const { counts, took } = await this.ask(question);
    if (took > SLOW_MS) throw new TooSlow();
    return counts;
  }

  /** End the thread; a question that it has not answered is never answered. */
  stop(): void {
    clearTimeout(this.timer);
    if (this.thread) this.thread.onmessage = null;
    this.thread?.terminate();
    this.thread = null;
  }

  private ask(question: IQuestion): Promise<IAnswer> {
    const thread = (this.thread ??= this.start());
    return new Promise((resolve, reject) => {
      this.timer = setTimeout(() => {
        this.stop();
        reject(new TooSlow());
      }, PATIENCE_MS);
      thread.onmessage = (event: MessageEvent<IAnswer>) => {
        clearTimeout(this.timer);
        resolve(event.data);
      };
      thread.onerror = event => {
        this.stop();
        reject(new Error(event.message || 'The browser does not start a thread for this search.'));
      };
      thread.postMessage(question);
    });
  }

  private thread: Thread | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
}

function startThread(): Thread {
  return new Worker(new URL('./counting.worker.js', import.meta.url));
}
