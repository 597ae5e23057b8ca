/** What is said about a log beside its lines: that it is empty, cannot be read, or has gone on. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { told, type ApiError } from '../colony/api';
import type { State } from '../colony/types';

export interface ISituation {
  /** Null while it is not known. */
  state: State | null;
  trouble: ApiError | null;
  /** Whether anything was read. */
  begun: boolean;
  complete: boolean;
  lines: number;
  following: boolean;
  unseen: number;
}

export class Notices {
  /** Why the log cannot be read. */
  readonly trouble = document.createElement('div');
  /** In place of lines. */
  readonly empty = document.createElement('p');
  readonly followButton = document.createElement('button');
  /** For screen readers only. */
  readonly spoken = document.createElement('p');

  constructor(
    private readonly trans: TranslationBundle,
    actions: { retry: () => void; follow: () => void }
  ) {
    this.trouble.className = 'pollinator-Log-trouble';
    this.trouble.setAttribute('role', 'alert');
    const again = button(trans.__('Retry'), actions.retry);
    this.trouble.append(this.reason, again);
    this.empty.className = 'pollinator-Log-empty';
    this.followButton.className = 'pollinator-Log-follow';
    this.followButton.type = 'button';
    this.followButton.addEventListener('click', actions.follow);
    this.spoken.className = 'pollinator-Log-spoken';
    this.spoken.setAttribute('role', 'status');
  }

  tell(situation: ISituation): void {
    const { trouble, lines, following } = situation;
    this.trouble.hidden = trouble === null;
    write(this.reason, trouble ? told(trouble) : '');
    this.empty.hidden = lines > 0 || trouble !== null;
    write(this.empty, this.emptiness(situation));
    this.followButton.hidden = following || lines === 0;
    write(this.followButton, this.ahead(situation));
  }

  /** Say something once to who cannot see it. */
  speak(text: string): void {
    this.spoken.textContent = text;
  }

  private emptiness({ state, begun, complete }: ISituation): string {
    if (complete) return this.trans.__('The job wrote nothing.');
    if (state === 'waiting') return this.trans.__('Nothing yet: the job waits for an executor.');
    if (begun) return this.trans.__('The job has not written anything yet.');
    return this.trans.__('Reading the log…');
  }

  private ahead({ complete, unseen }: ISituation): string {
    if (complete) return this.trans.__('Go to end');
    if (unseen <= 0) return this.trans.__('Follow');
    return this.trans._n(
      'Follow: %1 new line',
      'Follow: %1 new lines',
      unseen,
      unseen.toLocaleString()
    );
  }

  private readonly reason = document.createElement('span');
}

/** Change a text only if it is another one: assistive technology would read it again. */
function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function button(label: string, onClick: () => void): HTMLButtonElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = label;
  made.addEventListener('click', onClick);
  return made;
}
