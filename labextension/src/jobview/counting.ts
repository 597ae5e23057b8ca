/** How often an expression is found in lines: what the thread does that searches for regular expressions. */

/** What the thread is asked: lines to search. */
export interface IQuestion {
  source: string;
  flags: string;
  texts: readonly string[];
}

/** What it answers. */
export interface IAnswer {
  /** How many matches there are in each line; those that are empty do not count. */
  counts: number[];
  /** How long that took, in milliseconds. */
  took: number;
}

export function answer({ source, flags, texts }: IQuestion): IAnswer {
  const begun = performance.now();
  const pattern = new RegExp(source, flags);
  const counts = texts.map(text => {
    let count = 0;
    for (const [found] of text.matchAll(pattern)) if (found) count++;
    return count;
  });
  return { counts, took: performance.now() - begun };
}
