import { describe, expect, it } from 'vitest';

import { contrast, DARK, ENOUGH, LIGHT, paint, readable, rgb } from './colours';
import { after, PLAIN } from './style';

const ALL = [
  ...Array.from({ length: 8 }, (_, at) => [`3${at}`, `9${at}`]).flat(),
  ...Array.from({ length: 256 }, (_, at) => `38;5;${at}`),
  ...Array.from({ length: 125 }, (_, at) => {
    const [red, green, blue] = [at % 5, Math.floor(at / 5) % 5, Math.floor(at / 25)];
    return `38;2;${red * 63};${green * 63};${blue * 63}`;
  })
];

describe('a colour', () => {
  it('is read in every way that programs write it', () => {
    expect(rgb('38;2;1;2;3')).toEqual([1, 2, 3]);
    expect(rgb('38:2::1:2:3')).toEqual([1, 2, 3]);
    expect(rgb('48:2:1:2:3')).toEqual([1, 2, 3]);
    expect(rgb('38;2;300;2;3')).toEqual([255, 2, 3]);
    expect(rgb('38;5;1')).toEqual(rgb('31'));
    expect(rgb('48;5;9')).toEqual(rgb('101'));
    expect(rgb('91')).toEqual(rgb('101'));
    expect(rgb('38;5;196')).toEqual([255, 0, 0]);
    expect(rgb('38;5;244')).toEqual([128, 128, 128]);
    expect(rgb('')).toBeNull();
    expect(rgb('38:7:9')).toBeNull();
    expect(rgb('38;5;999')).not.toBeUndefined();
  });

  it('of any program can be read on a light and on a dark page', () => {
    for (const code of ALL) {
      for (const page of [LIGHT, DARK]) {
        const { colour, behind } = paint(after(PLAIN, code), page);
        expect(contrast(colour ?? page.ink, behind ?? page.paper), code).toBeGreaterThan(
          ENOUGH - 0.05
        );
      }
    }
  });

  it('can be read on every colour behind it, also inverse, and if only one of them is set', () => {
    for (const front of ['', '31', '97', '30', '38;5;100']) {
      for (const back of ['', '41', '107', '40', '48;5;200']) {
        for (const inverse of ['', '7']) {
          for (const page of [LIGHT, DARK]) {
            const codes = [front, back, inverse].filter(Boolean).join(';');
            const { colour, behind } = paint(codes ? after(PLAIN, codes) : PLAIN, page);
            const reached = contrast(colour ?? page.ink, behind ?? page.paper);
            expect(reached, codes).toBeGreaterThan(ENOUGH - 0.1);
          }
        }
      }
    }
  });

  it('stays as it is where it can be read', () => {
    expect(readable([200, 0, 0], LIGHT.paper)).toEqual([200, 0, 0]);
    expect(readable([255, 255, 0], DARK.paper)).toEqual([255, 255, 0]);
    const [red, green, blue] = readable([255, 255, 0], LIGHT.paper);
    expect(red).toBe(green);
    expect(blue).toBe(0);
  });
});
