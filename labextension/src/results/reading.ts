/** From the bytes of a result to what a viewer is given, and which results no viewer is given. */

import type { PartialJSONValue } from '@lumino/coreutils';

/** In which form a viewer asks for a file. */
export type Format = 'text' | 'base64' | 'json';

/** A result that cannot be given in the form that was asked for; the message is for people. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

const MIB = 1 << 20;
/** Beyond these a viewer keeps the page busy for seconds, or takes a large part of its memory. */
const LARGEST: Readonly<Record<Format, number>> = {
  text: 10 * MIB,
  base64: 50 * MIB,
  json: 10 * MIB
};
/** A table is shown in a grid, which only looks at the rows in sight. */
const LARGEST_TABLE = 50 * MIB;
const TABLE = /\.(csv|tsv)$/i;

/** How many bytes of a result a viewer is given at most. */
export function largest(name: string, format: Format): number {
  return format === 'text' && TABLE.test(name) ? LARGEST_TABLE : LARGEST[format];
}

/** Whether what a file begins with may be UTF-8 text; a character that is cut off at the end does not matter. */
export function beginsAsText(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Return a file's content in a form. */
export async function contentOf(
  bytes: ArrayBuffer,
  name: string,
  format: Format
): Promise<PartialJSONValue> {
  switch (format) {
    case 'base64':
      return base64(bytes);
    case 'text':
      return text(bytes, name);
    case 'json':
      return json(text(bytes, name), name);
  }
}

function text(bytes: ArrayBuffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Unreadable(`${name} is not text (UTF-8).`);
  }
}

function json(content: string, name: string): PartialJSONValue {
  try {
    return JSON.parse(content) as PartialJSONValue;
  } catch {
    throw new Unreadable(`${name} is not JSON.`);
  }
}

/** The browser's own conversion, which takes a fraction of the time and memory of any loop over characters. */
function base64(bytes: ArrayBuffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => {
      const address = reader.result as string;
      resolve(address.slice(address.indexOf(',') + 1));
    };
    reader.onerror = () => reject(new Unreadable(String(reader.error)));
    reader.readAsDataURL(new Blob([bytes]));
  });
}
