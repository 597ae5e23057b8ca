/** What all parts of the panel share, and how they follow what changes. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

import type { Colony } from '../colony/colony';
import { clock } from './clock';

export interface IShared {
  colony: Colony;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/** Whether anybody sees the section. */
const Awake = React.createContext(false);

/** A section of the sidebar. It is told whether it is seen, so that it does nothing for nobody. */
export class Section extends ReactWidget {
  constructor(private readonly draw: (awake: boolean) => React.JSX.Element) {
    super();
    this.addClass('pollinator-Section');
  }

  protected override render(): React.JSX.Element {
    const awake = this.isVisible;
    return <Awake.Provider value={awake}>{this.draw(awake)}</Awake.Provider>;
  }

  protected override onAfterShow(): void {
    this.update();
  }

  protected override onAfterHide(): void {
    this.update();
  }
}

/** Draw again whenever the signal is emitted. */
export function useSignal<S, A>(signal: ISignal<S, A>): void {
  const [, again] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    const slot = (): void => again();
    signal.connect(slot);
    // What happened between drawing and listening has not been drawn.
    again();
    return () => void signal.disconnect(slot);
  }, [signal]);
}

/** Return a text that depends on the time, kept up to date at a pace (in ms; 0 for one that does not change) while it is seen. */
export function useTicking(colony: Colony, text: (now: number) => string, pace: number): string {
  const awake = React.useContext(Awake);
  const [, again] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    if (!awake || pace === 0) return undefined;
    return clock.every(pace, () => again());
  }, [awake, pace]);
  return text(colony.now);
}
