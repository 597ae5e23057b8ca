/** Where results lie in JupyterLab's eyes: `pollinator:<job id>/<name>`, a drive of its own beside the server's files. */

import type { IResultFile } from '../colony/types';

/** The drive's name, which stands before the colon. */
export const DRIVE = 'pollinator';

const ID = /^[0-9a-f]{64}$/;

/** A result, or with an empty name the directory of all results of a job. */
export interface IPlace {
  id: string;
  name: string;
}

/** Read a path inside the drive; null if it can be none. */
export function placeOf(localPath: string): IPlace | null {
  const [id = '', ...names] = localPath.split('/').filter(part => part !== '');
  return ID.test(id) ? { id, name: names.join('/') } : null;
}

/** Read a path of any drive; null if it is none of ours. */
export function resultAt(path: string): IPlace | null {
  return path.startsWith(`${DRIVE}:`) ? placeOf(path.slice(DRIVE.length + 1)) : null;
}

/** Return the path of a result, with the drive's name. */
export function pathOf(id: string, name: string): string {
  return `${DRIVE}:${id}/${name}`;
}

/** The last part of a result's name. */
export function basename(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** What stands before the last part, with its slash; empty for a result that lies in no directory. */
export function directory(name: string): string {
  return name.slice(0, name.lastIndexOf('/') + 1);
}

/** The beginning of a job's id, by which people tell jobs apart. */
export function short(id: string): string {
  return id.slice(0, 12);
}

/** What one directory holds; "" is the one of all results. */
export interface IDirectory {
  directories: string[];
  files: IResultFile[];
}

/** Return what a directory of the results holds; null if there is no such directory. */
export function listed(files: readonly IResultFile[], name: string): IDirectory | null {
  const prefix = name && `${name}/`;
  const directories = new Set<string>();
  const here: IResultFile[] = [];
  for (const file of files) {
    if (!file.name.startsWith(prefix)) continue;
    const rest = file.name.slice(prefix.length);
    const slash = rest.indexOf('/');
    if (slash < 0) here.push(file);
    else directories.add(prefix + rest.slice(0, slash));
  }
  if (name && !here.length && !directories.size) return null;
  return { directories: [...directories], files: here };
}
