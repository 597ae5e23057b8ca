/** Hears from the colony which jobs move, and passes on those that have ended. */

import type { Colony } from '../colony/colony';
import type { IConnection, IJob } from '../colony/types';
import { Endings } from './endings';

/** So many of the newest jobs are looked at when messages may have been missed. */
const NEWEST = 200;

export class Listener {
  constructor(
    private readonly colony: Colony,
    private readonly tell: (jobs: readonly IJob[]) => void
  ) {}

  start(): void {
    this.colony.jobsChanged.connect((_, jobs) => this.take(jobs));
    this.colony.reset.connect(() => void this.catchUp());
  }

  /** Learn which jobs are open; what has ended during an interruption is told of, too. */
  private async catchUp(): Promise<void> {
    const known = nameOf(this.colony.connection);
    if (known !== this.known) {
      this.known = known;
      this.endings.forget();
    }
    if (this.colony.connection?.reachable !== true) return; // when it is, this is done again
    let page;
    try {
      page = await this.colony.api.jobs({ mine: true, state: '', text: '' }, null, NEWEST);
    } catch {
      return;
    }
    if (known !== this.known) return;
    // First: of jobs that are over already, only those count that were seen open.
    this.take(page.jobs);
    this.endings.begin(page.now);
  }

  private take(jobs: readonly IJob[]): void {
    const ended = this.endings.take(jobs);
    if (ended.length) this.tell(ended);
  }

  private known = '';
  private readonly endings = new Endings();
}

/** Two connections of one name have the same jobs. */
function nameOf(connection: IConnection | null): string {
  if (connection === null) return '';
  const { where, server, colony, identity } = connection;
  return JSON.stringify([where, server, colony, identity]);
}
