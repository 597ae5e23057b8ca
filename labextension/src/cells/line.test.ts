import { describe, expect, it } from 'vitest';

import { emptyChoice, lineOf, optionOf, readLine, withLine, withoutLine, writeLine } from './line';
import type { IEdit } from './line';

function edited(source: string, { start, end, text }: IEdit): string {
  return source.slice(0, start) + text + source.slice(end);
}

describe('finding the line', () => {
  it('is the first line that says anything, or below magics that pass the cell on', () => {
    expect(lineOf('%%pollinate local\nprint(1)')).toBe('%%pollinate local');
    expect(lineOf('\n  \n%%pollinate')).toBe('%%pollinate');
    expect(lineOf('%%time\n%%capture x\n%%pollinate a\nb')).toBe('%%pollinate a');
  });

  it('is not there in cells that only speak of it', () => {
    for (const source of [
      '',
      'print(1)',
      '# text\n%%pollinate local',
      '%%bash\n%%pollinate local',
      '%%pollinated local',
      '%pollinate local',
      'x = """\n%%pollinate local"""'
    ]) {
      expect(lineOf(source)).toBeNull();
      expect(withoutLine(source)).toBeNull();
    }
  });

  it('comes and goes without touching the body', () => {
    for (const body of ['', 'print(1)', '\n\nprint(1)\n', '# comment\n\n', '%%time\nprint(1)']) {
      const there = edited(body, withLine(body, '%%pollinate local'));
      expect(lineOf(there)).toBe('%%pollinate local');
      const back = withoutLine(there);
      expect(back && edited(there, back)).toBe(body);
    }
    const changed = withLine('\n%%pollinate a --quiet\nb', '%%pollinate c --quiet');
    expect(edited('\n%%pollinate a --quiet\nb', changed)).toBe('\n%%pollinate c --quiet\nb');
  });

  it('leaves the body when the line is all there is', () => {
    const back = withoutLine('%%pollinate local');
    expect(back && edited('%%pollinate local', back)).toBe('');
  });
});

describe('reading a line', () => {
  it('finds the executor and the resources wherever they stand', () => {
    expect(
      readLine('%%pollinate --nodes 4 lumi-std --mem=4Gi -d --walltime "1h30m" --cpu 2000m')
    ).toEqual({
      executor: 'lumi-std',
      nodes: '4',
      cpu: '2000m',
      mem: '4Gi',
      gpu: '',
      walltime: '1h30m'
    });
  });

  it('takes values of other options for no executors', () => {
    const line = `%%pollinate --in a,b --out y --as job --init 'pip install x' --get '*.csv' --pip numpy local --env K=V`;
    expect(readLine(line)).toEqual({ ...emptyChoice(), executor: 'local' });
  });

  it('reads several executors as one list, and the words of --each as the magic does', () => {
    expect(readLine('%%pollinate a b,c').executor).toBe('a,b,c');
    expect(readLine('%%pollinate --each lr=1,2 seed=1:5 local --nodes 2')).toMatchObject({
      executor: 'local',
      nodes: '2'
    });
  });

  it('takes the last of two values', () => {
    expect(readLine('%%pollinate --nodes 2 --nodes=3').nodes).toBe('3');
  });

  it('does not stumble over what is not finished', () => {
    for (const line of [
      '%%pollinate',
      '%%pollinate --nodes',
      "%%pollinate a --init 'it is",
      '%%pollinate a\\'
    ]) {
      expect(readLine(line).nodes).toBe('');
    }
    expect(readLine('%%pollinate "" --mem ""')).toEqual(emptyChoice());
  });

  it('tells the value of any option', () => {
    expect(optionOf('%%pollinate a --source "my job.sh"', 'source')).toBe('my job.sh');
    expect(optionOf('%%pollinate a --cmd=Rscript', 'cmd')).toBe('Rscript');
    expect(optionOf('%%pollinate a', 'cmd')).toBe('');
  });
});

describe('writing a line', () => {
  it('writes what was chosen, executor first', () => {
    const choice = { ...emptyChoice(), executor: 'lumi-std', nodes: '4', walltime: '2h' };
    expect(writeLine(null, choice)).toBe('%%pollinate lumi-std --nodes 4 --walltime 2h');
    expect(writeLine(null, emptyChoice())).toBe('%%pollinate');
  });

  it('keeps what it does not know as it is written', () => {
    const line = `%%pollinate  a --each lr=0.1,0.01 --init "pip3 install 'x'" --not-yet="  y" --nodes=2 -d`;
    expect(writeLine(line, readLine(line))).toBe(line.replace('  a', ' a'));
    expect(writeLine(line, { executor: 'b', nodes: '4', mem: '1Gi' })).toBe(
      `%%pollinate b --each lr=0.1,0.01 --init "pip3 install 'x'" --not-yet="  y" --nodes 4 --mem 1Gi -d`
    );
  });

  it('puts what is new behind the executor and the resources', () => {
    expect(writeLine('%%pollinate a --quiet', { cpu: '500m' })).toBe(
      '%%pollinate a --cpu 500m --quiet'
    );
    expect(writeLine('%%pollinate --in x', { executor: 'a' })).toBe('%%pollinate a --in x');
  });

  it('takes away what is emptied', () => {
    expect(writeLine('%%pollinate a b --nodes 2 --mem=1Gi -d', emptyChoice())).toBe(
      '%%pollinate -d'
    );
  });

  it('names one executor in the place of several', () => {
    expect(writeLine('%%pollinate --in x a b', { executor: 'c' })).toBe('%%pollinate --in x c');
    expect(writeLine('%%pollinate a b -d', { executor: 'a,b' })).toBe('%%pollinate a b -d');
  });

  it('quotes so that the magic reads the same', () => {
    for (const value of ['two words', "it's", 'a"b', 'back\\slash', 'A100:2', '{gpus}']) {
      const line = writeLine('%%pollinate x', { gpu: value });
      expect(readLine(line)).toEqual({ ...emptyChoice(), executor: 'x', gpu: value });
    }
    expect(writeLine('%%pollinate x', { gpu: 'A100:2' })).toBe('%%pollinate x --gpu A100:2');
    expect(writeLine('%%pollinate x', { gpu: 'two\nwords' })).toBe(
      "%%pollinate x --gpu 'two words'"
    );
  });
});
