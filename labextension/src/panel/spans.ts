/** Sentences in which `backticks` mark what is to be typed. */

export interface ISpan {
  text: string;
  code: boolean;
}

/** Divide a sentence into words and code; a backtick without its partner is itself. */
export function spans(sentence: string): ISpan[] {
  return sentence
    .split(/(`[^`]+`)/)
    .filter(Boolean)
    .map(part =>
      part.length > 2 && part.startsWith('`') && part.endsWith('`')
        ? { text: part.slice(1, -1), code: true }
        : { text: part, code: false }
    );
}
