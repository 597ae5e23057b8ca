/** Parts of the notebook that a setting turns on and off while the notebook is open. */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';

export interface IPart {
  dispose: () => void;
}

interface IPlace {
  make: () => IPart;
  part: IPart | null;
}

/** One setting, which is true or false. Until it has been read, and where there are no settings, it is true. */
export class Switch {
  constructor(settings: Promise<ISettingRegistry.ISettings> | null, name: string) {
    void settings?.then(loaded => {
      const take = (): void => this.set(loaded.composite[name] !== false);
      loaded.changed.connect(take);
      take();
    });
  }

  /** Have this part while the setting is true, until what is returned is disposed. */
  when(make: () => IPart): IPart {
    const place: IPlace = { make, part: this.on ? make() : null };
    this.places.add(place);
    return {
      dispose: () => {
        this.places.delete(place);
        place.part?.dispose();
      }
    };
  }

  private set(on: boolean): void {
    if (this.on === on) return;
    this.on = on;
    for (const place of this.places) {
      place.part?.dispose();
      place.part = on ? place.make() : null;
    }
  }

  private on = true;
  private readonly places = new Set<IPlace>();
}
