/**
 * The colours of a log on a light and on a dark page.
 *
 * Programs choose their colours for a terminal they do not know. Each is therefore darkened or lightened until it can be
 * read on what is behind it, and keeps its hue.
 */

import type { IStyle } from './style';

export type Rgb = readonly [red: number, green: number, blue: number];

/** What a theme is made of, as far as it matters here. */
export interface IGround {
  /** Behind the text. */
  readonly paper: Rgb;
  readonly ink: Rgb;
}

export const LIGHT: IGround = { paper: [255, 255, 255], ink: [0, 0, 0] };
export const DARK: IGround = { paper: [17, 17, 17], ink: [255, 255, 255] };

/** The contrast that WCAG 2 asks for (level AA). */
export const ENOUGH = 4.5;

const SIXTEEN: readonly Rgb[] = [
  [40, 44, 52],
  [205, 49, 49],
  [13, 145, 70],
  [176, 128, 0],
  [36, 104, 210],
  [176, 56, 176],
  [14, 140, 160],
  [190, 190, 190],
  [118, 118, 118],
  [241, 76, 76],
  [35, 190, 100],
  [222, 184, 20],
  [70, 145, 240],
  [214, 100, 214],
  [40, 190, 210],
  [240, 240, 240]
];
const BRIGHTER = 8;
const CUBE = 16;
const GREYS = 232;

/** Return the colours of text in a style, and behind it, on a page; null is the page's own. */
export function paint(style: IStyle, page: IGround): { colour: Rgb | null; behind: Rgb | null } {
  const inverse = style.marks.includes('7');
  const front = rgb(style.colour);
  const back = rgb(style.behind);
  const behind = inverse ? ((front && readable(front, page.paper)) ?? page.ink) : back;
  const colour = inverse ? (back ?? page.paper) : front;
  if (behind === null) return { colour: colour && readable(colour, page.paper), behind };
  return { colour: colour ? readable(colour, behind) : inkOn(behind, page), behind };
}

/** Return the colour of a code such as "31", "97", "38;5;208", "48;2;10;20;30" or "38:2::10:20:30". */
export function rgb(code: string): Rgb | null {
  const [first = '', kind, ...rest] = code.split(/[;:]/);
  const plain = Number(first);
  if (!code) return null;
  if (kind === undefined) {
    return SIXTEEN[(plain % 10) + (plain >= 90 ? BRIGHTER : 0)] ?? null;
  }
  const values = rest.filter(Boolean).map(value => Math.min(Number(value), 255));
  if (kind === '5') return ofPalette(values[0] ?? 0);
  const [red = 0, green = 0, blue = 0] = values.slice(-3);
  return kind === '2' ? [red, green, blue] : null;
}

/** Return the nearest shade of a colour that can be read on a ground. */
export function readable(colour: Rgb, ground: Rgb): Rgb {
  if (contrast(colour, ground) >= ENOUGH) return colour;
  const [black, white] = [LIGHT.ink, DARK.ink];
  const end = contrast(black, ground) > contrast(white, ground) ? black : white;
  let [near, far] = [0, 1];
  for (let step = 0; step < 8; step++) {
    const middle = (near + far) / 2;
    if (contrast(mix(colour, end, middle), ground) >= ENOUGH) far = middle;
    else near = middle;
  }
  return mix(colour, end, far);
}

/** Return the contrast of two colours as WCAG 2 reckons it: 1 to 21. */
export function contrast(one: Rgb, other: Rgb): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/** Return the colour of text that has none of its own. */
function inkOn(behind: Rgb, page: IGround): Rgb {
  if (contrast(page.ink, behind) >= ENOUGH) return page.ink;
  return page === LIGHT ? DARK.ink : LIGHT.ink;
}

function ofPalette(number: number): Rgb | null {
  if (number < CUBE) return SIXTEEN[number] ?? null;
  if (number >= GREYS) {
    const grey = 8 + 10 * (number - GREYS);
    return [grey, grey, grey];
  }
  const at = number - CUBE;
  return [level(Math.floor(at / 36)), level(Math.floor(at / 6) % 6), level(at % 6)];
}

/** The six levels of each colour in the cube of 256 colours. */
function level(step: number): number {
  return step ? 55 + 40 * step : 0;
}

function mix(one: Rgb, other: Rgb, share: number): Rgb {
  const part = (at: 0 | 1 | 2): number => Math.round(one[at] + (other[at] - one[at]) * share);
  return [part(0), part(1), part(2)];
}

function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map(linear) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function linear(value: number): number {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}
