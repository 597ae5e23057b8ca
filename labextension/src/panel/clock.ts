/** One timer for all texts that change at the same pace, and none while there are no such texts. */

type Tick = () => void;

class Clock {
  /** Call `tick` every so many milliseconds, together with all others of that pace; return what ends it. */
  every(pace: number, tick: Tick): () => void {
    const ticks = this.paces.get(pace) ?? this.begin(pace);
    ticks.add(tick);
    return () => {
      ticks.delete(tick);
      if (ticks.size === 0) this.end(pace, ticks);
    };
  }

  private begin(pace: number): Set<Tick> {
    const ticks = new Set<Tick>();
    this.paces.set(pace, ticks);
    this.timers.set(
      pace,
      setInterval(() => {
        for (const tick of [...ticks]) tick();
      }, pace)
    );
    return ticks;
  }

  private end(pace: number, ticks: Set<Tick>): void {
    if (this.paces.get(pace) !== ticks) return;
    clearInterval(this.timers.get(pace));
    this.paces.delete(pace);
    this.timers.delete(pace);
  }

  private readonly paces = new Map<number, Set<Tick>>();
  private readonly timers = new Map<number, ReturnType<typeof setInterval>>();
}

export const clock = new Clock();
