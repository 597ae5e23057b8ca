/** Which of the user's jobs have ended while somebody could have been waiting for them. Pure: it only hears of jobs. */

import type { IJob } from '../colony/types';
import { isOpen } from '../panel/states';

/** So many ids are remembered; of more jobs that are open at once, some may end without a word. */
const REMEMBERED = 10_000;

/**
 * A job is told of once: when it was seen open and is now closed, or when it was submitted since the page began to
 * listen and is over before anybody has seen it open. What ended before is yesterday's news.
 */
export class Endings {
  /** Forget all jobs: another colony's come. Until `begin`, only what was seen open counts. */
  forget(): void {
    this.open.clear();
    this.told.clear();
    this.since = Infinity;
  }

  /** What is submitted from now on is of interest; `now` is by the colony's clock. */
  begin(now: number): void {
    this.since = Math.min(this.since, now);
  }

  /** Hear of jobs; return those that have ended. */
  take(jobs: readonly IJob[]): IJob[] {
    return jobs.filter(job => job.mine && this.hasEnded(job));
  }

  private hasEnded(job: IJob): boolean {
    if (isOpen(job.state)) {
      remember(this.open, job.id);
      return false;
    }
    const seen = this.open.delete(job.id);
    const young = job.submitted !== null && job.submitted >= this.since;
    if ((!seen && !young) || this.told.has(job.id)) return false;
    remember(this.told, job.id);
    return true;
  }

  private since = Infinity;
  private readonly open = new Set<string>();
  private readonly told = new Set<string>();
}

function remember(ids: Set<string>, id: string): void {
  ids.add(id);
  if (ids.size <= REMEMBERED) return;
  const [oldest] = ids;
  if (oldest !== undefined) ids.delete(oldest);
}
