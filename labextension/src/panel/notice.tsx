/** What is said in place of what cannot be shown. */

import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { checkIcon, copyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { spans } from './spans';

/** A sentence with `code` in it. */
export function Sentence({ text }: { text: string }): React.JSX.Element {
  return (
    <>
      {spans(text).map((span, place) =>
        span.code ? <code key={place}>{span.text}</code> : span.text
      )}
    </>
  );
}

interface INoticeProps {
  problem: string;
  remedy?: string;
  /** "error" is read out at once. */
  kind?: 'plain' | 'error';
  children?: React.ReactNode;
}

export function Notice({
  problem,
  remedy = '',
  kind = 'plain',
  children
}: INoticeProps): React.JSX.Element {
  return (
    <div
      className="pollinator-Notice"
      data-kind={kind}
      role={kind === 'error' ? 'alert' : undefined}
    >
      <p>
        <Sentence text={problem} />
      </p>
      {remedy && (
        <p className="pollinator-Notice-remedy">
          <Sentence text={remedy} />
        </p>
      )}
      {children}
    </div>
  );
}

/** A button that copies a text and says that it has. */
export function CopyButton(props: {
  text: string;
  label: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const [copied, setCopied] = React.useState(false);
  const { text, label, trans } = props;
  React.useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [copied]);
  const Icon = copied ? checkIcon : copyIcon;
  return (
    <button
      type="button"
      className="pollinator-IconButton"
      title={copied ? trans.__('Copied') : label}
      aria-label={copied ? trans.__('Copied') : label}
      onClick={() => {
        Clipboard.copyToSystem(text);
        setCopied(true);
      }}
    >
      <Icon.react tag="span" />
    </button>
  );
}
