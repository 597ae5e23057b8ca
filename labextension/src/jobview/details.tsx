/** Everything about a job but its log. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IJobDetails } from '../colony/types';
import { clock } from '../panel/clock';
import { CopyButton, Notice } from '../panel/notice';
import { neverRan } from '../panel/which';
import { origin, page, resources, ticks, timings, type IFact } from './facts';
import type { Job } from './job';

/** More of a specification is in nobody's interest to read here. */
const MOST_CHARACTERS = 200_000;

export class Details extends ReactWidget {
  constructor(
    private readonly job: Job,
    private readonly openNotebook: (path: string, cell: string) => void,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('pollinator-Details');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Details of the job'));
  }

  protected override onAfterShow(): void {
    this.update();
  }

  protected override onAfterHide(): void {
    this.update();
  }

  protected override render(): React.JSX.Element {
    const { job, trans } = this;
    const seen = this.isVisible;
    return (
      <UseSignal signal={job.changed}>
        {() => (
          <>
            {job.trouble && (
              <Notice problem={job.trouble.message} remedy={job.trouble.remedy} kind="error">
                <button className="jp-mod-styled" onClick={() => job.refresh()}>
                  {trans.__('Retry')}
                </button>
              </Notice>
            )}
            {job.details && <All {...this.props} details={job.details} seen={seen} />}
          </>
        )}
      </UseSignal>
    );
  }

  private get props(): Omit<IProps, 'details' | 'seen'> {
    return { job: this.job, openNotebook: this.openNotebook, trans: this.trans };
  }
}

interface IProps {
  job: Job;
  details: IJobDetails;
  /** Whether anybody sees it. */
  seen: boolean;
  openNotebook: (path: string, cell: string) => void;
  trans: TranslationBundle;
}

function All({ job, details, seen, openNotebook, trans }: IProps): React.JSX.Element {
  return (
    <>
      {details.why && (
        <p className="pollinator-Details-why">{trans.__('Waiting: %1.', details.why)}</p>
      )}
      {neverRan(details) && details.graph && details.errors.length === 0 && (
        <p className="pollinator-Details-why">
          {trans.__('Never ran: another step of its workflow has failed.')}
        </p>
      )}
      {details.errors.length > 0 && (
        <Part title={trans.__('Errors')}>
          <ul className="pollinator-Details-errors">
            {details.errors.map((error, place) => (
              <li key={place}>{error}</li>
            ))}
          </ul>
        </Part>
      )}
      <Part title={trans.__('Job')}>
        <Facts facts={origin(details, trans)}>
          {details.notebook && (
            <Row label={trans.__('Notebook')}>
              <button
                type="button"
                className="pollinator-Details-link"
                title={trans.__('Open %1', details.notebook)}
                onClick={() => openNotebook(details.notebook, details.cell)}
              >
                {details.notebook}
              </button>
            </Row>
          )}
          <Row label={trans.__('ID')} kind="id">
            <code title={details.id}>{details.id}</code>
            <CopyButton text={details.id} label={trans.__('Copy job ID')} trans={trans} />
          </Row>
          {page(details.dashboard) && (
            <Row label={trans.__('Dashboard')}>
              <a href={page(details.dashboard)} target="_blank" rel="noopener noreferrer">
                {trans.__('Open in the dashboard')}
              </a>
            </Row>
          )}
        </Facts>
      </Part>
      <Part title={trans.__('Times')}>
        <Times job={job} details={details} seen={seen} trans={trans} />
      </Part>
      <Optional title={trans.__('Resources')} facts={resources(details.spec, trans)} />
      <Optional
        title={trans.__('Attributes')}
        facts={details.attributes.map(({ key, value }) => ({ label: key, value }))}
      />
      <details className="pollinator-Details-spec">
        <summary>{trans.__('Function specification')}</summary>
        <pre tabIndex={0}>{specification(details.spec)}</pre>
      </details>
    </>
  );
}

/** Times that go on while somebody sees them. */
function Times(props: Omit<IProps, 'openNotebook'>): React.JSX.Element {
  const { job, details, seen, trans } = props;
  const [, again] = React.useReducer((count: number) => count + 1, 0);
  const ticking = seen && ticks(details);
  React.useEffect(() => {
    if (!ticking) return undefined;
    return clock.every(1_000, () => again());
  }, [ticking]);
  return <Facts facts={timings(details, job.colony.now, trans)} />;
}

function Optional({ title, facts }: { title: string; facts: IFact[] }): React.JSX.Element | null {
  if (!facts.length) return null;
  return (
    <Part title={title}>
      <Facts facts={facts} />
    </Part>
  );
}

function Part(props: { title: string; children: React.ReactNode }): React.JSX.Element {
  return (
    <section>
      <h3>{props.title}</h3>
      {props.children}
    </section>
  );
}

function Facts(props: { facts: IFact[]; children?: React.ReactNode }): React.JSX.Element {
  return (
    <dl>
      {props.facts.map(({ label, value }, place) => (
        <Row key={place} label={label}>
          {value}
        </Row>
      ))}
      {props.children}
    </dl>
  );
}

function Row(props: {
  label: string;
  kind?: string;
  children: React.ReactNode;
}): React.JSX.Element {
  return (
    <>
      <dt>{props.label}</dt>
      <dd data-kind={props.kind}>{props.children}</dd>
    </>
  );
}

function specification(spec: unknown): string {
  const text = JSON.stringify(spec, null, 2);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
