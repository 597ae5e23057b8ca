/** In which language the body of a cell is written, as its `%%pollinate` line tells it. */

import { lineOf, optionOf } from './line';

/** The file that a cell becomes, by what runs it; as the magic names it. */
const FILES: Record<string, string> = {
  bash: 'main.sh',
  sh: 'main.sh',
  rscript: 'main.R',
  node: 'main.js',
  julia: 'main.jl',
  octave: 'main.m',
  perl: 'main.pl',
  ruby: 'main.rb'
};

/** Return the name of a file that is written like the body of this cell; null if the line does not tell, or it is Python. */
export function fileLike(source: string): string | null {
  const line = lineOf(source);
  if (line === null) return null;
  const command = optionOf(line, 'cmd').trim().split(/\s+/)[0]?.split('/').pop() ?? '';
  const file = optionOf(line, 'source') || FILES[command.toLowerCase()] || '';
  return /\.[^./]+$/.test(file) && !/\.pyw?$/i.test(file) ? file : null;
}
