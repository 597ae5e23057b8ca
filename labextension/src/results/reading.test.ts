import { describe, expect, it } from 'vitest';

import { beginsAsText, contentOf, largest } from './reading';
import { sizeOf } from './sizes';

const bytesOf = (...bytes: number[]): ArrayBuffer => Uint8Array.from(bytes).buffer;
const utf8 = (text: string): ArrayBuffer => new TextEncoder().encode(text).slice().buffer;

describe('content in the form that a viewer asks for', () => {
  it('text is decoded', async () => {
    expect(await contentOf(utf8('naïve\r\n'), 'a.txt', 'text')).toBe('naïve\r\n');
  });

  it('bytes are encoded, also those that are no text', async () => {
    expect(await contentOf(bytesOf(0, 255, 128), 'a.png', 'base64')).toBe('AP+A');
    expect(await contentOf(bytesOf(), 'a.png', 'base64')).toBe('');
  });

  it('JSON is read', async () => {
    expect(await contentOf(utf8('{"cells": []}'), 'a.ipynb', 'json')).toEqual({ cells: [] });
  });

  it('what is not in that form is said so by name', async () => {
    await expect(contentOf(bytesOf(255, 0), 'a.txt', 'text')).rejects.toThrow(
      'a.txt is not text (UTF-8).'
    );
    await expect(contentOf(utf8('{'), 'a.ipynb', 'json')).rejects.toThrow('a.ipynb is not JSON.');
  });
});

describe('files of unknown kinds', () => {
  it('text that is cut off within a character is text', () => {
    expect(beginsAsText(new TextEncoder().encode('größe').slice(0, 3))).toBe(true);
  });

  it('bytes are none', () => {
    expect(beginsAsText(Uint8Array.from([0x93, 0x4e, 0x55, 0x4d]))).toBe(false);
    expect(beginsAsText(Uint8Array.from([0x41, 0]))).toBe(false);
  });
});

describe('sizes', () => {
  it('tables may be larger than other text', () => {
    expect(largest('a.CSV', 'text')).toBeGreaterThan(largest('a.log', 'text'));
  });

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [30 << 20, '30 MiB'],
    [2 ** 50, '1024 TiB']
  ])('%d bytes are %s', (bytes, text) => {
    expect(sizeOf(bytes)).toBe(text);
  });
});
