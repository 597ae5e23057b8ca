import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError, type Api } from './api';
import { Colony } from './colony';
import type { IConnection } from './types';

const THERE: IConnection = {
  where: 'local',
  choices: [],
  colony: 'local',
  server: '127.0.0.1:1',
  user: 'me',
  identity: 'abc',
  reachable: true,
  problem: '',
  remedy: ''
};

/** The end of a websocket that the test holds. */
class Socket {
  constructor() {
    sockets.push(this);
  }
  onopen: () => void = () => undefined;
  onclose: () => void = () => undefined;
  onmessage: (event: { data: string }) => void = () => undefined;
  close(): void {
    this.onclose();
  }
  tell(connection: IConnection): void {
    this.onmessage({ data: JSON.stringify({ kind: 'connection', connection }) });
  }
}

let sockets: Socket[] = [];

function listening(answers: (IConnection | ApiError)[] = []): {
  colony: Colony;
  resets: () => number;
} {
  const connection = (): Promise<IConnection> => {
    const answer = answers.shift() ?? THERE;
    return answer instanceof ApiError ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const api = { settings: { WebSocket: Socket }, eventsAddress: 'ws://here', connection };
  const colony = new Colony(api as unknown as Api);
  const resets = vi.fn();
  colony.reset.connect(resets);
  colony.start();
  sockets[0]?.onopen();
  sockets[0]?.tell(THERE);
  return { colony, resets: () => resets.mock.calls.length };
}

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a connection to the server half', () => {
  it('that broke means, once it is back, that messages may have been missed', async () => {
    const { colony, resets } = listening();
    const before = resets();

    sockets[0]?.close();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(resets()).toBe(before);
    sockets[1]?.onopen();
    sockets[1]?.tell(THERE);

    expect(resets()).toBe(before + 1);
    colony.dispose();
  });

  it('that opens for the first time has missed nothing', () => {
    const { colony, resets } = listening();
    expect(resets()).toBe(1); // of the colony that was found
    colony.dispose();
  });
});

describe('to retry', () => {
  it('asks how the colony is, even while the server half itself answers', async () => {
    const { colony } = listening([THERE]);
    sockets[0]?.tell({ ...THERE, reachable: false, problem: 'It does not run.' });
    expect(colony.trouble?.problem).toBe('It does not run.');

    await colony.retry();

    expect(colony.trouble).toBeNull();
    expect(sockets).toHaveLength(1);
    colony.dispose();
  });

  it('does not wait for the next try when nobody listens', async () => {
    const { colony } = listening([new ApiError(0, 'Gone.'), THERE]);
    sockets[0]?.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(colony.trouble?.problem).toBe('Gone.');

    await colony.retry();

    expect(sockets).toHaveLength(2);
    expect(colony.trouble).toBeNull();
    colony.dispose();
  });
});
