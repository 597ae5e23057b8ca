import { describe, expect, it } from 'vitest';

import { basename, directory, listed, pathOf, placeOf, resultAt } from './paths';

const ID = '0123456789abcdef'.repeat(4);
const files = ['a.txt', 'sub/b.csv', 'sub/deep/c.png', 'sub/deep/d ö.png', 'submarine.txt'].map(
  name => ({ name, size: 1, sha256: '' })
);

describe('paths of results', () => {
  it('a path of a result leads back to it, whatever its name', () => {
    for (const name of ['plot.png', 'a b/ö:ü?#%.csv', 'sub/deep/.hidden']) {
      expect(resultAt(pathOf(ID, name))).toEqual({ id: ID, name });
    }
  });

  it('the directory of all results of a job has no name', () => {
    expect(placeOf(ID)).toEqual({ id: ID, name: '' });
    expect(placeOf(`${ID}/`)).toEqual({ id: ID, name: '' });
  });

  it('what names no job is no result', () => {
    for (const path of [
      '',
      'plot.png',
      `${ID.slice(1)}/plot.png`,
      `${ID.toUpperCase()}/plot.png`
    ]) {
      expect(placeOf(path)).toBeNull();
    }
  });

  it('paths of other drives are none of ours', () => {
    expect(resultAt(`${ID}/plot.png`)).toBeNull();
    expect(resultAt(`RTC:${ID}/plot.png`)).toBeNull();
  });

  it('a name is its directory and its last part', () => {
    for (const { name } of files) expect(directory(name) + basename(name)).toBe(name);
    expect(basename('sub/deep/c.png')).toBe('c.png');
  });
});

describe('listing', () => {
  it('the uppermost directory holds files, and each directory once', () => {
    const inside = listed(files, '');
    expect(inside?.directories).toEqual(['sub']);
    expect(inside?.files.map(file => file.name)).toEqual(['a.txt', 'submarine.txt']);
  });

  it('a directory holds what lies in it, and not what only begins like it', () => {
    const inside = listed(files, 'sub');
    expect(inside?.directories).toEqual(['sub/deep']);
    expect(inside?.files.map(file => file.name)).toEqual(['sub/b.csv']);
  });

  it('a directory that no result lies in is none', () => {
    expect(listed(files, 'elsewhere')).toBeNull();
    expect(listed(files, 'a.txt')).toBeNull();
  });

  it('a job without results has an empty directory', () => {
    expect(listed([], '')).toEqual({ directories: [], files: [] });
  });
});
