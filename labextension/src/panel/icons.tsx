/** The mark of the extension, and the signs of states. All are drawn in the colours of the theme. */

import { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { State } from '../colony/types';

/** A honeycomb of three cells, one of them filled: jobs that are taken up. Edges lie on whole pixels at 16 px. */
const COMB = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">
  <g class="jp-icon3" fill="#616161" stroke="#616161" stroke-width="1.25" stroke-linejoin="round">
    <path d="M8 1.1 10.9 2.8v3.4L8 7.9 5.1 6.2V2.8z"/>
    <path fill="none" d="M4.4 8.1 7.3 9.8v3.4l-2.9 1.7-2.9-1.7V9.8z"/>
    <path fill="none" d="M11.6 8.1l2.9 1.7v3.4l-2.9 1.7-2.9-1.7V9.8z"/>
  </g>
</svg>`;

export const pollinatorIcon = new LabIcon({ name: 'pollinator-magic:mark', svgstr: COMB });

const SIGNS: Record<State, React.JSX.Element> = {
  waiting: <path d="M8 4.5V8l2.4 1.6" />,
  running: <path d="M6.6 5.4v5.2L10.8 8z" fill="currentColor" />,
  success: <path d="M5.2 8.2l2 2 3.6-4.2" />,
  failed: <path d="M5.8 5.8l4.4 4.4m0-4.4-4.4 4.4" />,
  cancelled: <path d="M4 12 12 4" />
};

/** The sign of a job's state; the word stands beside it. */
export function StateSign({ state }: { state: State }): React.JSX.Element {
  return (
    <svg className="pollinator-Sign" data-state={state} viewBox="0 0 16 16" aria-hidden="true">
      <circle cx="8" cy="8" r="5.75" />
      {SIGNS[state]}
    </svg>
  );
}
