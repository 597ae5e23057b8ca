/** The view of one job in the main area: its log, and beside it everything else about it. */

import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import {
  addBelowIcon,
  CommandToolbarButton,
  downloadIcon,
  folderIcon,
  inspectorIcon,
  searchIcon,
  stopIcon,
  Toolbar,
  ToolbarButton,
  type LabIcon
} from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { SplitPanel, type Widget } from '@lumino/widgets';

import type { Colony } from '../colony/colony';
import { pollinatorIcon } from '../panel/icons';
import { short } from '../results/paths';
import { Details } from './details';
import { Job } from './job';
import { LogPane } from './pane';
import { StateItem } from './stateitem';

/** What the user prefers for all jobs. */
export interface IPreferences {
  lineNumbers: boolean;
  details: boolean;
}

export interface IJobViewOptions {
  colony: Colony;
  commands: CommandRegistry;
  trans: TranslationBundle;
  /** The user shows or hides the details. */
  prefer: (details: boolean) => void;
}

export class JobContent extends SplitPanel {
  constructor(id: string, { colony, commands, trans }: IJobViewOptions) {
    super({ orientation: 'horizontal', spacing: 1 });
    this.addClass('pollinator-JobView');
    this.job = new Job(id, colony);
    this.log = new LogPane((cursor, size) => colony.api.log(id, cursor, size), trans);
    this.details = new Details(
      this.job,
      (path, cell) => void commands.execute('pollinator:open-notebook', { path, cell }),
      trans
    );
    this.addWidget(this.log);
    this.addWidget(this.details);
    this.setRelativeSizes([7, 3]);
    SplitPanel.setStretch(this.details, 0);
    this.job.changed.connect(() => this.tell());
    colony.reset.connect(() => this.log.hurry(), this);
  }

  readonly job: Job;
  readonly log: LogPane;
  readonly details: Details;

  override dispose(): void {
    this.job.dispose();
    super.dispose();
  }

  protected override onAfterShow(): void {
    this.job.setVisible(true);
  }

  protected override onAfterHide(): void {
    this.job.setVisible(false);
  }

  protected override onBeforeDetach(): void {
    this.job.setVisible(false);
  }

  protected override onAfterAttach(): void {
    this.job.setVisible(this.isVisible);
  }

  protected override onActivateRequest(): void {
    this.log.focus();
  }

  private tell(): void {
    if (this.job.details) this.log.setState(this.job.details.state);
  }
}

export class JobView extends MainAreaWidget<JobContent> {
  constructor(
    readonly jobId: string,
    private readonly options: IJobViewOptions
  ) {
    super({ content: new JobContent(jobId, options) });
    const { trans } = options;
    this.id = `pollinator-job-${jobId}`;
    this.title.label = trans.__('Job %1', short(jobId));
    this.title.caption = trans.__('Job %1', jobId);
    this.title.icon = pollinatorIcon;
    this.title.dataset = { pollinator: 'job' };
    this.title.closable = true;
    this.fill();
  }

  prefer({ lineNumbers, details }: IPreferences): void {
    this.content.log.setLineNumbers(lineNumbers);
    this.content.details.setHidden(!details);
    this.toggle.pressed = details;
  }

  private fill(): void {
    const { trans, commands } = this.options;
    const { log, job } = this.content;
    this.toolbar.addClass('pollinator-JobView-toolbar');
    const add = (name: string, widget: Widget): void => void this.toolbar.addItem(name, widget);
    const command = (id: string, label: string, icon: LabIcon): void => {
      if (!commands.hasCommand(id)) return;
      add(id, new CommandToolbarButton({ commands, id, args: { id: job.id }, label, icon }));
    };
    add('state', new StateItem(job, trans));
    add('spacer', Toolbar.createSpacerItem());
    command('pollinator:cancel-job', trans.__('Cancel'), stopIcon);
    command('pollinator:show-results', trans.__('Results'), folderIcon);
    command('pollinator:attach-job', trans.__('Attach'), addBelowIcon);
    const find = trans.__('Find in log');
    add(
      'find',
      new ToolbarButton({ icon: searchIcon, tooltip: find, onClick: () => log.openFind() })
    );
    add(
      'download',
      new ToolbarButton({
        icon: downloadIcon,
        tooltip: trans.__('Download the whole log'),
        onClick: () => download(job.colony.api.logAddress(job.id))
      })
    );
    add('details', this.toggle);
  }

  private readonly toggle = new ToolbarButton({
    icon: inspectorIcon,
    tooltip: this.options.trans.__('Show details'),
    pressedTooltip: this.options.trans.__('Hide details'),
    onClick: () => this.options.prefer(this.content.details.isHidden)
  });
}

/** Let the browser fetch a file as it does for any link. */
function download(address: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}
