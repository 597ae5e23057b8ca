import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Signal } from '@lumino/signaling';
import { expect, it, vi } from 'vitest';

import { Switch } from './switch';

it('has its parts while the setting is true, and while they are wanted', async () => {
  const settings = { composite: { marks: true } } as unknown as ISettingRegistry.ISettings;
  const changed = new Signal<ISettingRegistry.ISettings, void>(settings);
  Object.assign(settings, { changed });
  const set = (marks: boolean): void => {
    Object.assign(settings, { composite: { marks } });
    changed.emit();
  };
  const dispose = vi.fn();
  const make = vi.fn(() => ({ dispose }));

  const part = new Switch(Promise.resolve(settings), 'marks').when(make);
  await Promise.resolve();
  expect(make).toHaveBeenCalledTimes(1);
  set(false);
  expect(dispose).toHaveBeenCalledTimes(1);
  set(true);
  expect(make).toHaveBeenCalledTimes(2);
  part.dispose();
  expect(dispose).toHaveBeenCalledTimes(2);
  set(false);
  set(true);
  expect(make).toHaveBeenCalledTimes(2);
});

it('is on where there are no settings', () => {
  const make = vi.fn(() => ({ dispose: () => undefined }));
  new Switch(null, 'marks').when(make);

  expect(make).toHaveBeenCalledOnce();
});
