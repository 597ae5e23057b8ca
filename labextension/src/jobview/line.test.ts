import { describe, expect, it } from 'vitest';

import { decode, fold, plain, WIDEST, type ISpan } from './line';
import { after, PLAIN, sequence, styleAfter } from './style';

const RED = after(PLAIN, '31');

function seen(spans: readonly ISpan[]): string[] {
  return spans.map(span => {
    const { marks, colour, behind } = span.style;
    return `${span.text}|${[...Array.from(marks), colour, behind].filter(Boolean).join(' ')}`;
  });
}

describe('a style', () => {
  it('takes colours of 8, 16, 256 and all, before and behind', () => {
    expect(after(PLAIN, '31;1')).toEqual({ marks: '1', colour: '31', behind: '' });
    expect(after(PLAIN, '97;104')).toEqual({ marks: '', colour: '97', behind: '104' });
    expect(after(PLAIN, '38;5;208')).toEqual({ marks: '', colour: '38;5;208', behind: '' });
    expect(after(PLAIN, '48;2;1;2;3;4')).toEqual({ marks: '4', colour: '', behind: '48;2;1;2;3' });
    expect(after(PLAIN, '38:2::1:2:3').colour).toBe('38:2::1:2:3');
  });

  it('ends marks and colours one by one or all together', () => {
    const all = after(PLAIN, '1;2;3;4;31;42');
    expect(after(all, '22')).toEqual({ marks: '34', colour: '31', behind: '42' });
    expect(after(all, '39;49;23;24')).toEqual({ marks: '12', colour: '', behind: '' });
    expect(after(all, '')).toEqual(PLAIN);
    expect(after(all, '0;4')).toEqual({ ...PLAIN, marks: '4' });
  });

  it('ignores what it does not know and what is not whole', () => {
    expect(after(RED, '58;999;10;;').colour).toBe('');
    expect(after(RED, '38;5').colour).toBe('');
    expect(after(RED, '38;2;1;2').colour).toBe('');
    expect(after(RED, '123').colour).toBe('31');
    expect(after(RED, Array(100_000).fill('1').join(';')).marks).toBe('1');
  });

  it('is what its own sequence makes of any other', () => {
    const style = after(PLAIN, '1;4;38;5;7;48;2;9;8;7');
    expect(styleAfter(sequence(style), RED)).toEqual(style);
  });

  it('after a text is that of its last reset and what follows', () => {
    expect(styleAfter('\x1b[1mx\x1b[0my\x1b[32m', RED)).toEqual(after(PLAIN, '32'));
    expect(styleAfter('\x1b[1mx\x1b[my', RED)).toEqual(PLAIN);
    expect(styleAfter('nothing', RED)).toBe(RED);
  });
});

describe('a line', () => {
  it('begins in the style that the one before ended in', () => {
    const { spans, end } = decode('a\x1b[1mb\x1b[0mc', RED);
    expect(seen(spans)).toEqual(['a|31', 'b|1 31', 'c|']);
    expect(end).toEqual(PLAIN);
  });

  it('is written over after a carriage return, and keeps what is longer', () => {
    expect(plain('loading 10%\rloading 100%')).toBe('loading 100%');
    expect(plain('abcdef\rxy')).toBe('xycdef');
    expect(plain('windows\r')).toBe('windows');
    expect(plain('abc\b\bX')).toBe('aXc');
    expect(plain('abc\r\x1b[Kx')).toBe('x');
    expect(plain('abcdef\r\x1b[1Kx')).toBe('xbcdef');
  });

  it('shows no other control sequence, whole or not', () => {
    const title = '\x1b]0;a title\x07';
    expect(plain(`${title}a\x1b[2J\x1b[10;10Hb\x1b(Bc\x07\x00d\x1b[?25`)).toBe('abcd');
    expect(plain('\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\')).toBe('link');
    expect(plain('a\x1b\x1b[31mb\x9b31m')).toBe('ab31m');
  });

  it('keeps tabs, and characters of any width', () => {
    expect(plain('a\tb 漢字 🙂')).toBe('a\tb 漢字 🙂');
    expect(plain('🙂🙂\rx')).toBe('x🙂');
  });

  it('is cut where nobody reads on', () => {
    expect(plain('x'.repeat(3 * WIDEST))).toBe(`${'x'.repeat(WIDEST)}…`);
    expect(plain(`\x1b[31m${'x'.repeat(3 * WIDEST)}`)).toBe(`${'x'.repeat(WIDEST)}…`);
    expect(plain(`${'x'.repeat(3 * WIDEST)}\r${'y'.repeat(3)}`)).toHaveLength(WIDEST + 1);
    expect(fold('x'.repeat(9 * WIDEST), PLAIN)).toHaveLength(WIDEST + 1);
  });

  it('of a progress bar is as short as what is seen of it once it is folded', () => {
    const bar = Array.from({ length: 10_000 }, (_, at) => `\r\x1b[32m${at} of 10000\x1b[0m`).join(
      ''
    );
    expect(plain(fold(bar, PLAIN))).toBe('9999 of 10000');
    expect(fold(bar, PLAIN).length).toBeLessThan(50);
  });

  it('means the same folded, wherever it is folded and whatever follows', () => {
    const random = numbers(7);
    const parts = [
      'a',
      'bc',
      '漢',
      '\r',
      '\b',
      '\x1b[31m',
      '\x1b[1;44m',
      '\x1b[0m',
      '\x1b[K',
      '\x1b[1K'
    ];
    parts.push(
      '\x1b(',
      'B',
      '\x1b[2K',
      '\x1b[',
      '\x1b',
      '3',
      '1m',
      '\x1b]0;t',
      '\x07',
      ' ',
      'long words'
    );
    for (let round = 0; round < 2_000; round++) {
      const pieces = Array.from({ length: 12 }, () => parts[random(parts.length)] ?? '');
      const at = random(12);
      const [head, tail] = [pieces.slice(0, at).join(''), pieces.slice(at).join('')];
      const whole = decode(head + tail, RED);
      const folded = decode(fold(head, RED) + tail, RED);
      expect(seen(folded.spans), JSON.stringify([head, tail])).toEqual(seen(whole.spans));
      expect(folded.end).toEqual(whole.end);
    }
  });
});

/** Return a source of numbers below a limit that are the same each time. */
function numbers(seed: number): (limit: number) => number {
  return limit => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * limit);
  };
}
