/** Opens a result in the viewer that JupyterLab has for it, or says why not and offers to download it. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import { type Api, ApiError } from '../colony/api';
import type { IResultFile } from '../colony/types';
import { basename, pathOf } from './paths';
import { isDrawable } from './pictures';
import { beginsAsText, type Format, largest } from './reading';
import { sizeOf } from './sizes';

/** By default JupyterLab edits these; results cannot be edited, and read better in the viewer. */
const READERS: Readonly<Record<string, string>> = { markdown: 'Markdown Preview' };

export class Opener {
  constructor(
    private readonly api: Api,
    private readonly commands: CommandRegistry,
    private readonly registry: DocumentRegistry,
    private readonly trans: TranslationBundle
  ) {}

  /** Open a result; return the viewer, or undefined if it is not shown. */
  async open(id: string, name: string): Promise<unknown> {
    const { files } = await this.api.results(id);
    const file = files.find(each => each.name === name);
    if (file === undefined) {
      throw new ApiError(404, this.trans.__('The job left no result named %1.', name));
    }
    const refusal = await this.refusal(id, file);
    if (refusal) return this.offer(id, name, refusal);
    return this.commands.execute('docmanager:open', {
      path: pathOf(id, name),
      ...this.viewer(name),
      // A notebook among the results is to be read; who wants to run it can choose a kernel.
      kernelPreference: { shouldStart: false, autoStartDefault: false }
    });
  }

  /** Let the browser save a result. */
  download(id: string, name: string): void {
    const link = document.createElement('a');
    link.href = this.api.resultAddress(id, name);
    link.download = basename(name);
    document.body.appendChild(link);
    link.click();
    link.remove();
  }

  /** Return why a result is not shown, or nothing. */
  private async refusal(id: string, file: IResultFile): Promise<string> {
    const format = this.format(file.name);
    const limit = largest(file.name, format);
    if (file.size > limit) {
      return this.trans.__(
        'It has %1; up to %2 of such a file can be shown here.',
        sizeOf(file.size),
        sizeOf(limit)
      );
    }
    if (/\.svg$/i.test(file.name)) return this.refusalOfVectors(id, file.name);
    const known = this.registry.getFileTypesForPath(basename(file.name)).length > 0;
    if (!known && file.size && !(await this.isText(id, file.name))) {
      return this.trans.__('It is not text, and JupyterLab has no viewer for files of its kind.');
    }
    return '';
  }

  private async refusalOfVectors(id: string, name: string): Promise<string> {
    const svg = await (await this.api.result(id, name)).text();
    return isDrawable(svg)
      ? ''
      : this.trans.__('It asks for more shapes than a page can draw without standing still.');
  }

  /** Look at how a file begins; the rest of it is not fetched. */
  private async isText(id: string, name: string): Promise<boolean> {
    const body = (await this.api.result(id, name)).body?.getReader();
    const beginning = (await body?.read())?.value ?? new Uint8Array();
    await body?.cancel();
    return beginsAsText(beginning);
  }

  private viewer(name: string): { factory?: string } {
    const type = this.registry.getFileTypesForPath(basename(name))[0]?.name ?? '';
    const factory = READERS[type];
    return factory && this.registry.getWidgetFactory(factory) ? { factory } : {};
  }

  /** Return in which form the viewer will ask for a file. */
  private format(name: string): Format {
    const model = this.registry.defaultWidgetFactory(basename(name)).modelName ?? 'text';
    return this.registry.getModelFactory(model)?.fileFormat ?? 'text';
  }

  private async offer(id: string, name: string, why: string): Promise<void> {
    const result = await showDialog({
      title: this.trans.__('%1 cannot be shown', basename(name)),
      body: why,
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: this.trans.__('Download') })]
    });
    if (result.button.accept) this.download(id, name);
  }
}
