/** The sidebar: three sections that JupyterLab lays out as it does its own. */

import {
  MenuSvg,
  PanelWithToolbar,
  refreshIcon,
  SidePanel,
  ToolbarButton
} from '@jupyterlab/ui-components';
import type { ITranslator } from '@jupyterlab/translation';
import { AccordionPanel, type Menu, type Widget } from '@lumino/widgets';
import * as React from 'react';

import type { IExecutor, IJob } from '../colony/types';
import { ColonySection } from './colonysection';
import { Section, type IShared } from './context';
import { ExecutorsSection } from './executorssection';
import { pollinatorIcon } from './icons';
import type { JobList } from './joblist';
import { JobsSection } from './jobssection';
import { isOpen } from './states';

export const PANEL_ID = 'pollinator-panel';

/** What the first two sections have at least if their contents are as high, in pixels. */
const LEAST_COLONY = 320;
const LEAST_EXECUTORS = 160;

export class PollinatorPanel extends SidePanel {
  constructor(
    private readonly shared: IShared,
    private readonly list: JobList,
    translator: ITranslator
  ) {
    super({ translator });
    const { trans } = shared;
    this.id = PANEL_ID;
    this.addClass('pollinator-Panel');
    this.title.icon = pollinatorIcon;
    this.title.caption = trans.__('Pollinator');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Pollinator: colony, executors and jobs'));
    this.menu = new MenuSvg({ commands: shared.commands });
    this.menu.aboutToClose.connect(() => {
      if (this.menuOpener?.isConnected) this.menuOpener.focus();
    });
    this.addSections();
    if (this.content instanceof AccordionPanel) this.content.setRelativeSizes([1, 2, 4]);
  }

  override dispose(): void {
    this.menu.dispose();
    this.list.dispose();
    super.dispose();
  }

  private addSections(): void {
    const { trans, colony, commands } = this.shared;
    const refresh = (label: string, onClick: () => void): ToolbarButton =>
      new ToolbarButton({ icon: refreshIcon, tooltip: label, onClick });
    const first = section(
      trans.__('Colony'),
      'colony',
      new Section(() => (
        <ColonySection {...this.shared} onHeight={pixels => limit(first, pixels, LEAST_COLONY)} />
      )),
      refresh(trans.__('Ask the colony again'), () => void commands.execute('pollinator:retry'))
    );
    this.addWidget(first);
    const second = section(
      trans.__('Executors'),
      'executors',
      new Section(awake => (
        <ExecutorsSection
          {...this.shared}
          awake={awake}
          onDrawn={() =>
            limit(second, contents(second, colony.executors?.length ?? 0), LEAST_EXECUTORS)
          }
          onMenu={this.openExecutorMenu}
        />
      )),
      refresh(trans.__('Refresh the executors'), () => {
        colony.refreshExecutors().catch(() => commands.execute('pollinator:retry'));
      })
    );
    this.addWidget(second);
    this.addWidget(
      section(
        trans.__('Jobs'),
        'jobs',
        new Section(awake => (
          <JobsSection {...this.shared} awake={awake} list={this.list} onMenu={this.openJobMenu} />
        )),
        refresh(trans.__('Refresh the jobs'), () => this.list.restart())
      )
    );
  }

  private readonly openJobMenu = (job: IJob, x: number, y: number): void => {
    const args = { id: job.id };
    this.open(x, y, [
      { command: 'pollinator:open-job', args },
      { command: 'pollinator:show-results', args },
      { command: 'pollinator:attach-job', args },
      { command: 'pollinator:copy-job-id', args },
      ...(isOpen(job.state)
        ? [{ type: 'separator' as const }, { command: 'pollinator:cancel-job', args }]
        : [])
    ]);
  };

  private readonly openExecutorMenu = (executor: IExecutor, x: number, y: number): void => {
    this.open(x, y, [
      { command: 'pollinator:use-executor', args: { name: executor.name } },
      { command: 'pollinator:copy-executor', args: { name: executor.name } }
    ]);
  };

  private open(x: number, y: number, items: Menu.IItemOptions[]): void {
    const { activeElement } = document;
    this.menuOpener = activeElement instanceof HTMLElement ? activeElement : null;
    this.menu.clearItems();
    for (const item of items) this.menu.addItem(item);
    this.menu.open(x, y);
  }

  private readonly menu: Menu;
  /** What had the focus before the menu was opened, and gets it back. */
  private menuOpener: HTMLElement | null = null;
}

/** Let a section be no higher than its contents, and no lower unless they are higher than `least`. */
function limit(panel: PanelWithToolbar, pixels: number, least: number): void {
  const { style } = panel.node;
  const highest = `${pixels}px`;
  if (pixels === 0 || style.maxHeight === highest) return;
  style.maxHeight = highest;
  style.minHeight = `${Math.min(pixels, least)}px`;
  panel.parent?.fit();
}

/** Return how high the contents of a section are if none of its so many rows has to be scrolled to. */
function contents({ node }: PanelWithToolbar, rows: number): number {
  const row = node.querySelector<HTMLElement>('.pollinator-Row-probe')?.offsetHeight ?? 0;
  return [...node.querySelectorAll<HTMLElement>('.pollinator-Section > :not(.pollinator-Rows)')]
    .map(part => part.offsetHeight)
    .reduce((sum, height) => sum + height, row * rows);
}

function section(label: string, kind: string, content: Widget, button: Widget): PanelWithToolbar {
  const panel = new PanelWithToolbar();
  panel.addClass('pollinator-SectionPanel');
  panel.node.dataset['section'] = kind;
  panel.title.label = label;
  panel.toolbar.addItem('refresh', button);
  panel.toolbar.node.setAttribute('aria-label', label);
  panel.addWidget(content);
  return panel;
}
