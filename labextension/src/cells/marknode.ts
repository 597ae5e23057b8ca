/** The mark of a cell whose jobs are open: their state in a word and a sign. It leads to the job. */

import { LabIcon } from '@jupyterlab/ui-components';

import type { IMark } from './mark';

const ICONS = {
  running: icon('running', '<path d="M6.4 5.2v5.6L11 8z"/>'),
  waiting: icon('waiting', '<path d="M7.4 4.5h1.2v3.2l2.2 1.3-.6 1-2.8-1.6z"/>')
};

/** Make the button that a cell shows. */
export function markNode(mark: IMark, open: (job: string) => void): HTMLButtonElement {
  const node = document.createElement('button');
  node.type = 'button';
  node.className = 'pollinator-Mark';
  // Else Enter would go to the cell.
  node.setAttribute('data-lm-suppress-shortcuts', 'true');
  node.dataset['state'] = mark.state;
  node.setAttribute('aria-label', mark.label);
  node.title = mark.label;
  const word = document.createElement('span');
  word.textContent = mark.word;
  node.append(ICONS[mark.state].element({ tag: 'span' }), word);
  node.addEventListener('click', () => open(mark.job));
  return node;
}

function icon(name: string, sign: string): LabIcon {
  const svgstr =
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16"><g fill="currentColor">' +
    `<path d="M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zm0 1.3a4.9 4.9 0 1 1 0 9.8 4.9 4.9 0 0 1 0-9.8z"/>${sign}</g></svg>`;
  return new LabIcon({ name: `pollinator-magic:cell-${name}`, svgstr });
}
