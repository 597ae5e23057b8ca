/**
 * Which pictures are drawn without being asked for: small ones, also once they are decoded.
 *
 * A picture is drawn by the page's own process. A few hundred bytes can ask for a gigabyte of pixels or for billions of
 * shapes, and the page would stand still; so what a picture asks for is found out before.
 */

/** Beyond these a file has an icon instead. */
const PIXELS = 16 << 20;
const SHAPES = 20_000;
const LARGEST = { raster: 2 << 20, vector: 256 << 10 };

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** What cannot be counted by looking at elements and their attributes. */
const UNCOUNTED = /<!ENTITY|data:image\/svg|<style[^<]*url\(|@import/i;
const REFERENCE = /url\(\s*['"]?#([^)'"\s]+)/g;

/** Return as what a file may be drawn small, by its name and size; null if it is not. */
export function pictureType(name: string, size: number): string | null {
  const ending = /\.(png|jpe?g|svg)$/i.exec(name)?.[1]?.toLowerCase();
  if (ending === undefined || size === 0) return null;
  if (ending === 'svg') return size <= LARGEST.vector ? 'image/svg+xml' : null;
  if (size > LARGEST.raster) return null;
  return ending === 'png' ? 'image/png' : 'image/jpeg';
}

/** Whether drawing a picture of that type costs little. */
export function isHarmless(bytes: ArrayBuffer, type: string): boolean {
  if (type === 'image/svg+xml') return isDrawable(new TextDecoder().decode(bytes));
  const view = new DataView(bytes);
  const pixels = type === 'image/png' ? pixelsOfPng(view) : pixelsOfJpeg(view);
  return pixels !== null && pixels <= PIXELS;
}

/** Whether an SVG asks for a bounded number of shapes, also through parts that refer to parts. */
export function isDrawable(svg: string): boolean {
  if (UNCOUNTED.test(svg)) return false;
  const whole = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
  if (whole.localName !== 'svg') return false;
  try {
    return new Counter(whole).shapes(whole) <= SHAPES;
  } catch {
    return false; // parts refer to each other in a chain that is too long to follow
  }
}

class Counter {
  constructor(whole: Element) {
    for (const part of whole.querySelectorAll('[id]')) this.parts.set(part.id, part);
  }

  shapes(element: Element): number {
    const known = this.counted.get(element);
    if (known !== undefined) return known;
    this.counted.set(element, 0); // of parts that contain themselves nothing is drawn
    let sum = 1;
    for (const child of element.children) sum += this.shapes(child);
    for (const id of references(element)) {
      const part = this.parts.get(id);
      if (part) sum += this.shapes(part);
      if (sum > SHAPES) break;
    }
    this.counted.set(element, sum);
    return sum;
  }

  private readonly parts = new Map<string, Element>();
  private readonly counted = new Map<Element, number>();
}

/** Return the ids of the parts that an element draws besides its own. */
function references(element: Element): string[] {
  const found: string[] = [];
  for (const { localName, value } of element.attributes) {
    if (localName === 'href' && value.startsWith('#')) found.push(value.slice(1));
    for (const [, id] of value.matchAll(REFERENCE)) if (id) found.push(id);
  }
  return found;
}

function pixelsOfPng(view: DataView): number | null {
  if (view.byteLength < 24 || PNG.some((byte, at) => view.getUint8(at) !== byte)) return null;
  return view.getUint32(16) * view.getUint32(20);
}

/** A JPEG is a chain of segments; the one that begins a frame tells its height and width. */
function pixelsOfJpeg(view: DataView): number | null {
  if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return null;
  let at = 2;
  while (at + 9 <= view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return view.getUint16(at + 5) * view.getUint16(at + 7);
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}
