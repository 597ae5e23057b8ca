/** Results of jobs in JupyterLab: the drive that its viewers read, and a listing of each job's. */

import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { MainAreaWidget, showErrorMessage, WidgetTracker } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { IDocumentWidgetOpener } from '@jupyterlab/docmanager';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { folderIcon, refreshIcon, ToolbarButton } from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject } from '@lumino/coreutils';

import { told } from '../colony/api';
import { IColony } from '../colony/plugin';
import type { Colony } from '../colony/colony';
import { show } from '../jobview/placing';
import { ResultsDrive } from './drive';
import { Opener } from './opening';
import { basename, resultAt, short } from './paths';
import { ResultList } from './resultlist';
import { adopt } from './titles';
import { ResultsWidget } from './widget';

const OPEN = 'pollinator:open-result';
const SHOW = 'pollinator:show-results';

type Shown = MainAreaWidget<ResultsWidget>;

export const resultsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'pollinator-magic:results',
  description: "Opens what jobs brought back in JupyterLab's own viewers.",
  autoStart: true,
  requires: [IColony],
  optional: [ITranslator, IDocumentWidgetOpener, ILabShell, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    colony: Colony,
    translator: ITranslator | null,
    documents: IDocumentWidgetOpener | null,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null
  ) => {
    const trans = (translator ?? nullTranslator).load('pollinator_magic');
    const { commands, docRegistry, serviceManager, shell } = app;
    const typeOf = (name: string) => docRegistry.getFileTypesForPath(basename(name))[0];
    serviceManager.contents.addDrive(
      new ResultsDrive(colony.api, name => typeOf(name)?.mimeTypes[0] ?? '')
    );
    documents?.opened.connect((_, widget) => adopt(widget, trans));
    if (labShell) openAddressed(app);

    const opener = new Opener(colony.api, commands, docRegistry, trans);
    const tracker = new WidgetTracker<Shown>({ namespace: 'pollinator-results' });

    const make = (id: string): Shown => {
      const list = new ResultList(colony, id);
      const content = new ResultsWidget(colony.api, list, trans, {
        open: name => void commands.execute(OPEN, { id, name }),
        download: name => opener.download(id, name),
        kindOf: name => typeOf(name) ?? docRegistry.getFileType('text') ?? {}
      });
      const widget = new MainAreaWidget({ content });
      const refresh = { icon: refreshIcon, tooltip: trans.__('Refresh'), onClick: list.refresh };
      widget.toolbar.addItem('refresh', new ToolbarButton(refresh));
      widget.toolbar.addItem(
        'log',
        new ToolbarButton({
          label: trans.__('Open Job'),
          tooltip: trans.__('Show the log of the job and what is known of it'),
          onClick: () => void commands.execute('pollinator:open-job', { id })
        })
      );
      widget.id = `pollinator-results-${id}`;
      widget.title.label = trans.__('Results %1', short(id));
      widget.title.icon = folderIcon;
      widget.title.dataset = { pollinator: 'results' };
      widget.title.closable = true;
      return widget;
    };

    commands.addCommand(OPEN, {
      label: trans.__('Open Result'),
      caption: trans.__('Open a result of a job in the viewer for files of its kind'),
      isEnabled: args => isText(args['id']) && isText(args['name']),
      execute: async args => {
        const { id, name } = args as { id: string; name: string };
        try {
          return await opener.open(id, name);
        } catch (error) {
          await showErrorMessage(trans.__('Cannot Open %1', basename(name)), told(error));
          return undefined;
        }
      },
      describedBy: {
        args: takes({ id: trans.__('The id of the job'), name: trans.__('The name of the result') })
      }
    });
    commands.addCommand(SHOW, {
      label: trans.__('Show Results'),
      caption: trans.__('List what the job left, and open or download it'),
      icon: folderIcon,
      isEnabled: args => isText(args['id']),
      execute: async args => {
        const id = args['id'] as string;
        let widget = tracker.find(each => each.content.list.id === id);
        if (widget === undefined) {
          widget = make(id);
          await tracker.add(widget);
        }
        show(widget, shell, labShell);
        return widget;
      },
      describedBy: { args: takes({ id: trans.__('The id of the job') }) }
    });
    if (restorer) {
      void restorer.restore(tracker, {
        command: SHOW,
        args: widget => ({ id: widget.content.list.id }),
        name: widget => widget.content.list.id
      });
    }
  }
};

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** Describe arguments that are texts. */
function takes(properties: Record<string, string>): ReadonlyJSONObject {
  const described = Object.entries(properties).map(([name, description]) => [
    name,
    { type: 'string', description }
  ]);
  return {
    type: 'object',
    properties: Object.fromEntries(described) as ReadonlyJSONObject,
    required: Object.keys(properties)
  };
}

/**
 * The page's address names the document that was shown last. JupyterLab looks for it with its file browser, which knows
 * no drives without a browser of their own, and would show an error instead of the page.
 */
function openAddressed(app: JupyterFrontEnd): void {
  const path = PageConfig.getOption('treePath');
  if (resultAt(path) === null) return;
  PageConfig.setOption('treePath', '');
  void app.restored.then(() => app.commands.execute('docmanager:open', { path }));
}
