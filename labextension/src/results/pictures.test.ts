import { describe, expect, it } from 'vitest';

import { isDrawable, isHarmless, pictureType } from './pictures';

const svg = (body: string): string => `<svg xmlns="http://www.w3.org/2000/svg">${body}</svg>`;

function png(width: number, height: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(33));
  [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].forEach((byte, at) => view.setUint8(at, byte));
  view.setUint32(16, width);
  view.setUint32(20, height);
  return view.buffer;
}

/** A JPEG as far as its first frame, behind a segment that is none. */
function jpeg(width: number, height: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(40));
  view.setUint16(0, 0xffd8);
  view.setUint16(2, 0xffe0);
  view.setUint16(4, 16);
  view.setUint16(20, 0xffc2);
  view.setUint16(22, 17);
  view.setUint16(25, height);
  view.setUint16(27, width);
  return view.buffer;
}

describe('which files are drawn small', () => {
  it('pictures of known kinds, if they are small files', () => {
    expect(pictureType('a.PNG', 10)).toBe('image/png');
    expect(pictureType('b.jpeg', 10)).toBe('image/jpeg');
    expect(pictureType('c.svg', 10)).toBe('image/svg+xml');
    expect(pictureType('a.png', 3 << 20)).toBeNull();
    expect(pictureType('c.svg', 1 << 20)).toBeNull();
    expect(pictureType('d.csv', 10)).toBeNull();
    expect(pictureType('a.png', 0)).toBeNull();
  });

  it('pictures of few pixels', () => {
    expect(isHarmless(png(640, 480), 'image/png')).toBe(true);
    expect(isHarmless(jpeg(640, 480), 'image/jpeg')).toBe(true);
  });

  it('no picture that takes gigabytes once it is decoded', () => {
    expect(isHarmless(png(50_000, 50_000), 'image/png')).toBe(false);
    expect(isHarmless(jpeg(50_000, 50_000), 'image/jpeg')).toBe(false);
  });

  it('nothing that is no picture', () => {
    for (const type of ['image/png', 'image/jpeg', 'image/svg+xml']) {
      expect(isHarmless(new ArrayBuffer(0), type)).toBe(false);
      expect(isHarmless(new ArrayBuffer(64), type)).toBe(false);
    }
  });
});

describe('vector graphics', () => {
  it('parts that are used many times are drawable', () => {
    const glyphs = '<defs><path id="a" d="M0 0"/></defs>' + '<use href="#a"/>'.repeat(1_000);
    expect(isDrawable(svg(glyphs))).toBe(true);
  });

  it('parts of parts of parts are counted', () => {
    const bomb = Array.from({ length: 12 }, (_, at) => {
      const uses = `<use href="#g${at}"/>`.repeat(10);
      return `<g id="g${at + 1}">${uses}</g>`;
    });
    expect(isDrawable(svg(`<rect id="g0"/>${bomb.join('')}`))).toBe(false);
    expect(isDrawable(svg(`<rect id="g0"/>${bomb.slice(0, 3).join('')}`))).toBe(true);
  });

  it('patterns and masks count like other parts', () => {
    const bomb = Array.from({ length: 12 }, (_, at) => {
      const filled = `<rect fill="url('#p${at}')"/>`.repeat(10);
      return `<pattern id="p${at + 1}">${filled}</pattern>`;
    });
    expect(isDrawable(svg(`<rect id="p0"/>${bomb.join('')}`))).toBe(false);
  });

  it('parts that contain themselves are no endless work', () => {
    expect(isDrawable(svg('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'))).toBe(
      true
    );
  });

  it('entities are not expanded', () => {
    expect(isDrawable(`<!DOCTYPE svg [<!ENTITY a "aa">]>${svg('&a;')}`)).toBe(false);
  });

  it('a long chain of parts within parts is counted, or given up', () => {
    const chain = Array.from(
      { length: 19_000 },
      (_, at) => `<use id="c${at}" href="#c${at + 1}"/>`
    );
    expect(isDrawable(svg(chain.join('')))).toBe(false);
  });
});
