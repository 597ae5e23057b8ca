// Not by the package's index, which needs more of a browser than there is here.
import { NotificationManager, type Notification } from '@jupyterlab/apputils/lib/notification';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Announcer } from './announcer';
import type { Notebooks } from '../panel/notebooks';
import { job } from './testjob';

const trans = nullTranslator.load('');
const sight = { path: '' };
const notebooks = { isInSight: (path: string) => path === sight.path } as Notebooks;
let notifications: NotificationManager;
let announcer: Announcer;

beforeEach(() => {
  vi.useFakeTimers();
  sight.path = '';
  notifications = new NotificationManager();
  announcer = new Announcer(notifications, new CommandRegistry(), notebooks, trans);
});

afterEach(() => {
  vi.useRealTimers();
});

const told = (): Notification.INotification[] => {
  vi.runAllTimers();
  return notifications.notifications;
};

describe('notifications', () => {
  it('good news goes by itself, a failure stays until somebody has seen it', () => {
    announcer.tell([job({ id: 'a' }), job({ id: 'b', state: 'failed' })]);
    const [failure, success] = told();
    expect(success?.options.autoClose).toBeGreaterThan(0);
    expect(failure?.options.autoClose).toBe(false);
  });

  it('what ends within a moment is told of together', () => {
    for (const id of 'abcd') announcer.tell([job({ id })]);
    expect(told().map(each => each.message)).toEqual(['fit.ipynb: 4 jobs ended (4 succeeded)']);
  });

  it('later jobs of a sweep change its notification', () => {
    announcer.tell([job({ id: 'a', parameters: 'lr=1' })]);
    told();
    announcer.tell([job({ id: 'b', parameters: 'lr=2', state: 'failed' })]);
    expect(told()).toMatchObject([
      { message: 'fit.ipynb: 2 jobs ended (1 succeeded, 1 failed)', type: 'error' }
    ]);
  });

  it('what was dismissed does not come back, but what ends later is told of', () => {
    announcer.tell([job({ id: 'a', parameters: 'lr=1' })]);
    told();
    notifications.dismiss();
    announcer.tell([job({ id: 'b', parameters: 'lr=2' })]);
    expect(told().map(each => each.message)).toEqual([
      'fit.ipynb: succeeded on lumi-std after 3\u00a0min'
    ]);
  });

  it('a job whose notebook is in sight is not told of, unless it is wanted', () => {
    sight.path = 'work/fit.ipynb';
    announcer.tell([job({})]);
    expect(told()).toEqual([]);
    announcer.wanted = 'all';
    announcer.tell([job({})]);
    expect(told()).toHaveLength(1);
  });
});
