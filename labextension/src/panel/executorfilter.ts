/** Which executors a search finds. */

import type { IExecutor } from '../colony/types';

/** Return those in which every word is found somewhere: in name, type, place, condition or hardware. */
export function matching(executors: readonly IExecutor[], text: string): IExecutor[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return executors.filter(executor => {
    const { name, type, place, condition, hardware, gpu } = executor;
    const told = [name, type, place, condition, hardware, gpu].join('\n').toLowerCase();
    return words.every(word => told.includes(word));
  });
}
