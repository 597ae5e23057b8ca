import { describe, expect, it, vi } from 'vitest';

import { Api, ApiError } from '../colony/api';
import type { IResultList } from '../colony/types';
import { ResultsDrive } from './drive';

const ID = '0123456789abcdef'.repeat(4);

/** A job's results without a server. */
class Results extends Api {
  contents: Record<string, string> = {};
  sizes: Record<string, number> = {};
  problem: ApiError | null = null;

  override results(): Promise<IResultList> {
    if (this.problem) return Promise.reject(this.problem);
    const files = Object.entries(this.contents).map(([name, content]) => ({
      name,
      size: this.sizes[name] ?? content.length,
      sha256: 'ab'.repeat(32)
    }));
    return Promise.resolve({ files, notes: [], complete: true });
  }

  override result = vi.fn((_: string, name: string) =>
    Promise.resolve(new Response(this.contents[name] ?? ''))
  );
}

function drive(contents: Record<string, string>): { api: Results; drive: ResultsDrive } {
  const api = new Results();
  api.contents = contents;
  return { api, drive: new ResultsDrive(api, () => 'text/csv') };
}

describe('reading', () => {
  it('a file comes in the form that a viewer asks for, with what identifies it', async () => {
    const model = await drive({ 'sub/fit.csv': 'a,b' }).drive.get(`${ID}/sub/fit.csv`, {
      type: 'file',
      format: 'text'
    });
    expect(model).toMatchObject({
      name: 'fit.csv',
      path: `${ID}/sub/fit.csv`,
      type: 'file',
      format: 'text',
      content: 'a,b',
      mimetype: 'text/csv',
      size: 3,
      hash_algorithm: 'sha256'
    });
  });

  it('nothing may be written, and JupyterLab knows', async () => {
    const model = await drive({ 'fit.csv': 'a,b' }).drive.get(`${ID}/fit.csv`);
    expect(model.writable).toBe(false);
  });

  it('without content nothing is fetched', async () => {
    const { api, drive: results } = drive({ 'fit.csv': 'a,b' });
    const model = await results.get(`${ID}/fit.csv`, { content: false });
    expect(model).toMatchObject({ size: 3, content: null });
    expect(api.result).not.toHaveBeenCalled();
  });

  it('a notebook is one unless it is asked for as a file', async () => {
    const { drive: results } = drive({ 'a.ipynb': '{"cells":[]}' });
    expect(await results.get(`${ID}/a.ipynb`)).toMatchObject({
      type: 'notebook',
      format: 'json',
      content: { cells: [] }
    });
    expect(await results.get(`${ID}/a.ipynb`, { type: 'file', format: 'text' })).toMatchObject({
      type: 'file',
      content: '{"cells":[]}'
    });
  });

  it('directories list what lies in them', async () => {
    const { drive: results } = drive({ 'a.txt': '', 'sub/b.txt': '' });
    const content = (await results.get(ID)).content as { path: string; type: string }[];
    expect(content.map(({ path, type }) => [path, type])).toEqual([
      [`${ID}/sub`, 'directory'],
      [`${ID}/a.txt`, 'file']
    ]);
    expect(await results.get(`${ID}/sub`)).toMatchObject({ type: 'directory', name: 'sub' });
  });

  it('the drive itself lists nothing, because nobody asked for a job', async () => {
    expect(await drive({}).drive.get('')).toMatchObject({ type: 'directory', content: [] });
  });

  it('a file that is too large for a viewer is refused before it is fetched', async () => {
    const { api, drive: results } = drive({ 'big.log': 'x' });
    api.sizes['big.log'] = 30 << 20;
    await expect(results.get(`${ID}/big.log`, { format: 'text' })).rejects.toThrow(
      'big.log (30 MiB) is larger than what can be shown here (10 MiB). Download it instead.'
    );
    expect(api.result).not.toHaveBeenCalled();
  });

  it('what a job did not leave is not there, in the way that JupyterLab understands', async () => {
    await expect(drive({}).drive.get(`${ID}/fit.csv`)).rejects.toMatchObject({
      message: 'The job left no result fit.csv.',
      response: { status: 404 }
    });
  });

  it('a refusal of the server half comes with what to do about it', async () => {
    const { api, drive: results } = drive({});
    api.problem = new ApiError(502, 'The colony does not answer.', 'Start it.');
    await expect(results.get(`${ID}/fit.csv`)).rejects.toThrow(
      'The colony does not answer. Start it.'
    );
  });
});

describe('everything else', () => {
  it('a download is at the server half', async () => {
    const address = await drive({}).drive.getDownloadUrl(`${ID}/sub/a ö?.csv`);
    expect(address).toMatch(new RegExp(`/jobs/${ID}/results/sub/a%20%C3%B6%3F.csv$`));
  });

  it('nothing can be written', async () => {
    const { drive: results } = drive({ 'a.txt': 'a' });
    const attempts = [
      results.save(),
      results.delete(),
      results.rename(),
      results.copy(),
      results.newUntitled(),
      results.createCheckpoint(),
      results.restoreCheckpoint(),
      results.deleteCheckpoint()
    ];
    for (const attempt of attempts) {
      await expect(attempt).rejects.toThrow('Results of a job cannot be changed.');
    }
  });

  it('there are no checkpoints', async () => {
    expect(await drive({}).drive.listCheckpoints()).toEqual([]);
  });
});
