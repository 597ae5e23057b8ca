/** The executors that the dialog offers. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { IExecutor } from '../colony/types';
import { matching } from '../panel/executorfilter';
import { conditionName } from '../panel/states';

/** An executor to choose. */
export interface ISuggestion {
  name: string;
  /** One word, e.g. "idle"; empty for one that is not running yet. */
  condition: string;
  alive: boolean;
  hardware: string;
  /** E.g. "2 running, 1 waiting". */
  work: string;
}

/** What every colony's cells can run on: it is started when it is needed. */
const LOCAL = 'local';

/**
 * Return the executors that a job may name, those first that are alive; and the embedded one, which can always be
 * chosen. `sought` is what somebody has typed: nothing to see all.
 */
export function suggestions(
  executors: readonly IExecutor[],
  sought: string,
  trans: TranslationBundle
): ISuggestion[] {
  const usable = matching(executors, sought).filter(executor => executor.usable);
  const found = [...usable.filter(one => one.alive), ...usable.filter(one => !one.alive)].map(one =>
    suggestion(one, trans)
  );
  const known = executors.some(executor => executor.name === LOCAL);
  if (!known && LOCAL.includes(sought.trim().toLowerCase())) {
    const hardware = trans.__('the embedded colony');
    found.push({ name: LOCAL, condition: '', alive: true, hardware, work: '' });
  }
  return found;
}

function suggestion(executor: IExecutor, trans: TranslationBundle): ISuggestion {
  const { name, condition, alive, hardware, running, waiting } = executor;
  const work = [
    some(running) && trans.__('%1 running', running),
    some(waiting) && trans.__('%1 waiting', waiting)
  ];
  return {
    name,
    condition: conditionName(condition, trans),
    alive,
    hardware,
    work: work.filter(Boolean).join(', ')
  };
}

function some(number: string): boolean {
  return number !== '' && number !== '0';
}
