/** The results of jobs as a drive of JupyterLab, so that its own viewers open them. It can only be read. */

import { type Contents, ServerConnection } from '@jupyterlab/services';
import type { PartialJSONValue } from '@lumino/coreutils';
import { Signal, type ISignal } from '@lumino/signaling';

import { ApiError, type Api } from '../colony/api';
import type { IResultFile } from '../colony/types';
import { basename, directory, DRIVE, listed, type IPlace, placeOf } from './paths';
import { contentOf, type Format, largest, Unreadable } from './reading';
import { sizeOf } from './sizes';

/** Results have no time of their own; JupyterLab asks for one that is a date. */
const NO_TIME = new Date(0).toISOString();
const READ_ONLY =
  'Results of a job cannot be changed. Download the file, or fetch it with `%pollinator pull`, and change the copy.';

export class ResultsDrive implements Contents.IDrive {
  /** `mimetypeOf` tells what a file is by its name. */
  constructor(
    private readonly api: Api,
    private readonly mimetypeOf: (name: string) => string
  ) {}

  readonly name = DRIVE;

  get serverSettings(): ServerConnection.ISettings {
    return this.api.settings;
  }

  /** Never emitted, because nothing here is changed by a page. */
  get fileChanged(): ISignal<this, Contents.IChangedArgs> {
    return this._fileChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  async get(localPath: string, options: Contents.IFetchOptions = {}): Promise<Contents.IModel> {
    const place = placeOf(localPath);
    if (place === null) {
      if (localPath) throw notFound(`There is no job at ${localPath}.`);
      return directoryModel('', options.content === false ? null : []);
    }
    try {
      return await this.read(place, options);
    } catch (error) {
      throw asResponse(error);
    }
  }

  getDownloadUrl(localPath: string): Promise<string> {
    const place = placeOf(localPath);
    return place?.name
      ? Promise.resolve(this.api.resultAddress(place.id, place.name))
      : Promise.reject(notFound('Only single results can be downloaded.'));
  }

  listCheckpoints(): Promise<Contents.ICheckpointModel[]> {
    return Promise.resolve([]);
  }

  newUntitled(): Promise<Contents.IModel> {
    return refused();
  }

  delete(): Promise<void> {
    return refused();
  }

  rename(): Promise<Contents.IModel> {
    return refused();
  }

  save(): Promise<Contents.IModel> {
    return refused();
  }

  copy(): Promise<Contents.IModel> {
    return refused();
  }

  createCheckpoint(): Promise<Contents.ICheckpointModel> {
    return refused();
  }

  restoreCheckpoint(): Promise<void> {
    return refused();
  }

  deleteCheckpoint(): Promise<void> {
    return refused();
  }

  private async read(place: IPlace, options: Contents.IFetchOptions): Promise<Contents.IModel> {
    const { files } = await this.api.results(place.id);
    const file = files.find(each => each.name === place.name);
    if (file !== undefined) return this.file(place, file, options);
    const inside = listed(files, place.name);
    if (inside === null) throw notFound(`The job left no result ${place.name}.`);
    const models = [
      ...inside.directories.map(name => directoryModel(`${place.id}/${name}`, null)),
      ...inside.files.map(each => this.model(place.id, each))
    ];
    const path = place.name ? `${place.id}/${place.name}` : place.id;
    return directoryModel(path, options.content === false ? null : models);
  }

  private async file(
    place: IPlace,
    file: IResultFile,
    options: Contents.IFetchOptions
  ): Promise<Contents.IModel> {
    const model = this.model(place.id, file);
    const type = options.type === 'file' ? 'file' : model.type;
    if (options.content === false) return { ...model, type };
    const asked = options.format ?? (type === 'notebook' ? 'json' : null);
    const bytes = await this.bytes(place.id, file, asked ?? 'text');
    const [format, content] = asked
      ? [asked, await contentOf(bytes, model.name, asked)]
      : await anyForm(bytes, model.name);
    return { ...model, type, format, content };
  }

  private async bytes(id: string, file: IResultFile, format: Format): Promise<ArrayBuffer> {
    const limit = largest(file.name, format);
    if (file.size > limit) {
      throw new Unreadable(
        `${basename(file.name)} (${sizeOf(file.size)}) is larger than what can be shown here ` +
          `(${sizeOf(limit)}). Download it instead.`
      );
    }
    // Of an empty file nothing needs to be asked.
    if (file.size === 0) return new ArrayBuffer(0);
    return (await this.api.result(id, file.name)).arrayBuffer();
  }

  private model(id: string, file: IResultFile): Contents.IModel {
    const name = basename(file.name);
    return {
      name,
      path: `${id}/${directory(file.name)}${name}`,
      type: name.toLowerCase().endsWith('.ipynb') ? 'notebook' : 'file',
      writable: false,
      created: NO_TIME,
      last_modified: NO_TIME,
      mimetype: this.mimetypeOf(name),
      content: null,
      format: null,
      size: file.size,
      hash: file.sha256,
      hash_algorithm: 'sha256'
    };
  }

  private _isDisposed = false;
  private readonly _fileChanged = new Signal<this, Contents.IChangedArgs>(this);
}

/** As the server does for files: text if it is some, else its bytes. */
async function anyForm(bytes: ArrayBuffer, name: string): Promise<[Format, PartialJSONValue]> {
  try {
    return ['text', await contentOf(bytes, name, 'text')];
  } catch {
    return ['base64', await contentOf(bytes, name, 'base64')];
  }
}

function directoryModel(path: string, content: Contents.IModel[] | null): Contents.IModel {
  return {
    name: basename(path),
    path,
    type: 'directory',
    writable: false,
    created: NO_TIME,
    last_modified: NO_TIME,
    mimetype: '',
    content,
    format: content && 'json'
  };
}

/** What JupyterLab understands as "there is no such file". */
function notFound(message: string): Error {
  return new ServerConnection.ResponseError(new Response(null, { status: 404 }), message);
}

function asResponse(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error;
  const message = error.remedy ? `${error.message} ${error.remedy}` : error.message;
  return error.status === 404 && !error.missing ? notFound(message) : new Error(message);
}

function refused(): Promise<never> {
  return Promise.reject(new Error(READ_ONLY));
}
