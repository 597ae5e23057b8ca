/** The last choice, kept by the browser for all notebooks of this server. */

import { emptyChoice, type Choice } from './line';

const KEY = 'pollinator-magic:last-choice';

/** Return what was chosen last; nothing if nothing was, or the browser keeps nothing. */
export function lastChoice(): Choice {
  const choice = emptyChoice();
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    for (const name of Object.keys(choice) as (keyof Choice)[]) {
      const value: unknown = (kept as Record<string, unknown> | null)?.[name];
      if (typeof value === 'string') choice[name] = value;
    }
  } catch {
    // A browser that keeps nothing, or what is no choice: begin anew.
  }
  return choice;
}

export function rememberChoice(choice: Choice): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(choice));
  } catch {
    // It is chosen again next time.
  }
}
