import { describe, expect, it } from 'vitest';

import { cardOf, finalMark, type ICard } from './card';

const ONE = 'a'.repeat(64);
const TWO = 'b'.repeat(64);

describe('a card', () => {
  it('is known by the job in its metadata', () => {
    expect(cardOf({ pollinator: { job: ONE } })).toEqual({
      jobs: [ONE],
      count: 1,
      group: false,
      final: false
    });
    expect(cardOf({ pollinator: { job: ONE, final: true } })?.final).toBe(true);
  });

  it('may be that of a group, of which not all jobs are named', () => {
    expect(cardOf({ pollinator: { jobs: [ONE, TWO], count: 500 } })).toEqual({
      jobs: [ONE, TWO],
      count: 500,
      group: true,
      final: false
    });
    expect(cardOf({ pollinator: { jobs: [ONE], count: -1 } })?.count).toBe(1);
  });

  it('may name its jobs by the first parts of their ids', () => {
    const jobs = [ONE.slice(0, 12), TWO.slice(0, 12)];
    expect(cardOf({ pollinator: { jobs, count: 2 } })).toMatchObject({ jobs, count: 2 });
    expect(cardOf({ pollinator: { jobs: [ONE.slice(0, 13)], count: 1 } })).toBeNull();
    expect(cardOf({ pollinator: { job: ONE.slice(0, 12) } })).toBeNull();
  });

  it('is not what a file makes up', () => {
    for (const mark of [
      null,
      'x',
      [],
      {},
      { job: 1 },
      { job: 'A'.repeat(64) },
      { job: `${ONE}/..` }
    ]) {
      expect(cardOf({ pollinator: mark })).toBeNull();
    }
    expect(cardOf({ pollinator: { jobs: ['..', 1] } })).toBeNull();
    expect(cardOf({ pollinator: { result: 'plot.png' } })).toBeNull();
    expect(cardOf({})).toBeNull();
    const many = Array.from({ length: 5_000 }, () => ONE);
    expect(cardOf({ pollinator: { jobs: many, count: 5_000 } })?.jobs).toHaveLength(1_000);
  });

  it('stays itself when it is final', () => {
    for (const mark of [{ job: ONE }, { jobs: [ONE, TWO], count: 2 }]) {
      const card = cardOf({ pollinator: mark }) as ICard;
      expect(cardOf({ pollinator: finalMark(card) })).toEqual({ ...card, final: true });
    }
  });
});
