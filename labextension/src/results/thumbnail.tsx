/** A small picture of a result, or the icon of its kind. */

import { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Api } from '../colony/api';
import type { IResultFile } from '../colony/types';
import { isHarmless, pictureType } from './pictures';

export interface IKind {
  icon?: LabIcon | undefined;
  iconClass?: string | undefined;
}

interface IProps {
  api: Api;
  id: string;
  file: IResultFile;
  kind: IKind;
}

/** Shows the icon until the picture is in sight and there, and for what is no small picture. */
export function Thumbnail({ api, id, file, kind }: IProps): React.JSX.Element {
  const place = React.useRef<HTMLSpanElement>(null);
  const [address, setAddress] = React.useState('');
  const { name, size, sha256 } = file;
  React.useEffect(() => {
    const type = pictureType(name, size);
    const node = place.current;
    if (type === null || node === null) return;
    let made = '';
    let gone = false;
    const load = async (): Promise<void> => {
      const bytes = await (await api.result(id, name)).arrayBuffer();
      if (gone || !isHarmless(bytes, type)) return;
      made = URL.createObjectURL(new Blob([bytes], { type }));
      setAddress(made);
    };
    const observer = new IntersectionObserver(entries => {
      if (!entries.some(entry => entry.isIntersecting)) return;
      observer.disconnect();
      load().catch(() => undefined); // the icon stays
    });
    observer.observe(node);
    return () => {
      gone = true;
      observer.disconnect();
      if (made) URL.revokeObjectURL(made);
    };
  }, [api, id, name, size, sha256]);
  return (
    <span className="pollinator-Results-picture" ref={place} aria-hidden="true">
      {address ? (
        <img src={address} alt="" onError={() => setAddress('')} />
      ) : (
        <LabIcon.resolveReact {...iconOf(kind)} tag="span" />
      )}
    </span>
  );
}

function iconOf({ icon, iconClass }: IKind): { icon?: LabIcon; iconClass?: string } {
  return { ...(icon && { icon }), ...(iconClass && { iconClass }) };
}
