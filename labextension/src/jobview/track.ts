/**
 * Scrolling through more than a browser can: which part of a million rows is in sight.
 *
 * Browsers limit how tall an element may be. Up to `tallest` the scrolled element is as tall as all rows, and the bar is
 * where the rows are. Beyond it the bar stands for a share of the way: small movements (wheel, arrows, fingers) move the
 * rows by as much as they say, large ones (dragging the bar) lead to the share that the bar shows.
 */

/** Below the limits of all browsers, also where pages are shown several times as large. */
const TALLEST = 4_000_000;

export class Track {
  constructor(private readonly tallest = TALLEST) {}

  /** How tall the scrolled element is. */
  get height(): number {
    return Math.min(this.total, this.tallest);
  }

  /** How far the rows are scrolled. */
  get top(): number {
    return this._top;
  }

  /** How far the rows can be scrolled. */
  get end(): number {
    return Math.max(this.total - this.viewport, 0);
  }

  /** Whether the last row is in sight; fractions of a pixel do not count. */
  get atEnd(): boolean {
    return this._top >= this.end - 2;
  }

  /** Where the bar must be. */
  get bar(): number {
    return this._bar;
  }

  /** There are rows of this height in all, seen through a window. */
  resize(total: number, viewport: number): void {
    this.total = total;
    this.viewport = viewport;
    this.moveTo(this._top);
  }

  /** Scroll the rows. */
  moveTo(top: number): void {
    this._top = Math.min(Math.max(top, 0), this.end);
    this._bar = this.barAt(this._top);
  }

  /** The bar was moved: by the user, or by ourselves. */
  moved(bar: number): void {
    const distance = bar - this._bar;
    if (Math.abs(distance) < 1) return;
    if (this.total <= this.tallest || Math.abs(distance) > this.small) {
      this.moveTo(this.barEnd ? (bar / this.barEnd) * this.end : 0);
      this._bar = bar;
      return;
    }
    const top = this._top + distance;
    this.moveTo(top);
    if (bar > 0 && bar < this.barEnd && this._top === top) this._bar = bar;
  }

  /** Return where the bar belongs: at an end only if the rows are, so that there is way to go on. */
  private barAt(top: number): number {
    if (top <= 0) return 0;
    if (top >= this.end) return this.barEnd;
    const bar = (top / this.end) * this.barEnd;
    const way = this.total <= this.tallest ? 0 : Math.min(this.viewport, this.barEnd / 4);
    return Math.min(Math.max(bar, way), this.barEnd - way);
  }

  private get barEnd(): number {
    return Math.max(this.height - this.viewport, 0);
  }

  /** Dragging the bar by half a pixel moves it farther than this; nothing else does that does not mean to go far. */
  private get small(): number {
    return Math.max(this.viewport, this.height / (4 * Math.max(this.viewport, 1)));
  }

  private total = 0;
  private viewport = 0;
  private _top = 0;
  private _bar = 0;
}
