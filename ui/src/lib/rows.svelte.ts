// The rows of the calls table: all calls that match, of which only the parts that are looked at are fetched.
//
//   fresh      live calls that came since, newest last; row 0 is the newest
//   segments   spans of time with a known number of calls (from the histogram), newest first
//
// A row's number leads to its segment by counting, so the scroll bar is true for a million calls. A
// segment is fetched page by page; one that is long and looked at far from its start is divided first.

import { ask, ApiError } from './api';
import { nanos, rfc3339 } from './format';
import type { Call, CallsPage, HistogramData } from './types';

const PAGE = 200;
/** A segment is read on from its start over at most so many rows; beyond that it is divided. */
const READ_ON = 1200;
const DIVIDE_TO = 400;
/** A call that ends so long after it began is not shown as new. */
const LATE_NS = 60_000_000_000n;
export const FRESH_MAX = 20_000;
export const SORT_MAX = 10_000;

export interface Segment {
  from: bigint | null;
  to: bigint | null;
  count: number;
  rows: Call[];
  cursor: string | null;
  done: boolean;
  loading: boolean;
  /** Rows shown before the segment itself was read. */
  borrowed: boolean;
}

const segment = (from: bigint | null, to: bigint | null, count: number): Segment => ({ from, to, count, rows: [], cursor: null, done: count === 0, loading: false, borrowed: false });

/** Spans of equal length with their counts, newest first; the outer ones reach to the given ends. */
export function segmentsOf(histogram: HistogramData, from: bigint | null, to: bigint | null): Segment[] {
  const begin = nanos(histogram.from), width = BigInt(Math.round(histogram.bucket_ns));
  const series = Object.values(histogram.series);
  const length = Math.max(0, ...series.map(counts => counts.length));
  const found: Segment[] = [];
  for (let i = 0; i < length; i++) {
    const count = series.reduce((sum, counts) => sum + (counts[i] ?? 0), 0);
    found.push(segment(i === 0 ? from : begin + BigInt(i) * width, i === length - 1 ? to : begin + BigInt(i + 1) * width, count));
  }
  return found.reverse();
}

export class Rows {
  /** Raised whenever anything here changed. */
  version = $state(0);
  total = $state(0);
  counted = $state(false);
  loading = $state(true);
  error = $state.raw<ApiError | null>(null);
  /** Live calls held back while the user looks at something else. */
  waiting = $state(0);
  /** Live calls of an earlier time, as an import finds them: they belong between those that are listed. */
  late = $state(0);

  private fresh: Call[] = [];
  /** Fresh rows that were buried: places count from the first fresh row there ever was. */
  private buried = 0;
  private held: Call[] = [];
  private heldDropped = 0;
  private places = new Map<string, number>();
  private segments: Segment[] = [];
  private sorted: Call[] | null = null;
  private stop = new AbortController();
  private top: bigint | null = null;
  private seen = new Set<string>();

  constructor(
    readonly where: string,
    readonly span: { from?: string; to?: string },
    readonly sort: { column: string; down: boolean; key: (call: Call) => number | string | undefined; asked?: string } | null,
  ) {}

  close(): void { this.stop.abort(); }

  private get down(): boolean { return !this.sort || this.sort.down || (this.sort.column !== 'time' && !this.sort.asked); }
  /** Whether rows are in another order than the newest first. */
  private get ordered(): boolean { return Boolean(this.sorted || this.sort?.asked) || !this.down; }

  /** Fetches the first page; later the histogram says how much more there is. */
  async start(): Promise<void> {
    try {
      if (this.sort?.asked) return await this.startAsked();
      if (this.sort && this.sort.column !== 'time') return await this.startSorted();
      const page = await this.page({ limit: PAGE });
      const newest = page.calls[0];
      this.top = this.down && newest ? nanos(newest.time) + 1n : page.searched?.to && !newest ? nanos(page.searched.to) : null;
      page.calls.forEach(call => this.seen.add(call.id));
      const only = segment(null, this.down ? this.top : null, page.calls.length + (page.next ? PAGE : 0));
      only.rows = page.calls;
      only.cursor = page.next;
      only.done = !page.next;
      if (only.done) { only.count = page.calls.length; this.counted = true; }
      this.segments = [only];
      this.loading = false;
      this.changed();
    } catch (fault) {
      this.failed(fault);
    }
  }

  /** Sorted by the server, of all calls: read on as far as somebody looks. */
  private async startAsked(): Promise<void> {
    const page = await this.page({ limit: PAGE });
    const only = segment(null, null, page.calls.length + (page.next ? PAGE : 0));
    Object.assign(only, { rows: page.calls, cursor: page.next, done: !page.next });
    this.segments = [only];
    this.loading = false;
    this.changed();
  }

  private async startSorted(): Promise<void> {
    const all: Call[] = [];
    let cursor: string | null = null;
    do {
      const page: CallsPage = await this.page({ limit: 1000, cursor: cursor ?? undefined });
      all.push(...page.calls);
      cursor = page.next;
    } while (cursor && all.length < SORT_MAX);
    const { key, down } = this.sort!;
    const keyed = all.map(call => [key(call), call] as const);
    keyed.sort(([a], [b]) => {
      if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
      const order = typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
      return down ? -order : order;
    });
    this.sorted = keyed.map(([, call]) => call);
    this.segments = [];
    this.counted = true;
    this.loading = false;
    this.changed();
  }

  /** Takes the number of calls in each span of time from the histogram of the same question. */
  index(histogram: HistogramData): void {
    if (this.sorted || this.sort?.asked || this.loading || this.counted) return;
    const first = this.segments[0];
    const from = this.span.from ? nanos(this.span.from) : null, to = this.top ?? (this.span.to ? nanos(this.span.to) : null);
    let found = segmentsOf(histogram, from, this.span.to ? nanos(this.span.to) : null).filter(one => one.count > 0 || one.to === null);
    // Calls newer than the first page came are live ones, and shown as such.
    if (to !== null && this.down) found = found.filter(one => one.from === null || one.from < to).map(one => ({ ...one, to: one.to === null || one.to > to ? to : one.to }));
    if (!this.down) found.reverse();
    let rest = first?.rows ?? [];
    for (const one of found) {
      if (!rest.length) break;
      const inside = rest.filter(call => (one.from === null || nanos(call.time) >= one.from) && (one.to === null || nanos(call.time) < one.to));
      rest = rest.slice(inside.length);
      one.rows = inside;
      one.borrowed = true;
      one.done = rest.length > 0;
      if (one.done) one.count = inside.length;
      else one.count = Math.max(one.count, inside.length);
    }
    this.segments = found;
    this.counted = true;
    this.changed();
  }

  row(at: number): Call | undefined {
    if (this.sorted) return this.sorted[at];
    if (at < this.fresh.length) return this.fresh[this.fresh.length - 1 - at];
    let offset = at - this.fresh.length;
    for (const one of this.segments) {
      if (offset < one.count) return one.rows[offset];
      offset -= one.count;
    }
    return undefined;
  }

  /** Where the call `id` is among the rows that were fetched. */
  find(id: string): number {
    if (this.sorted) return this.sorted.findIndex(call => call.id === id);
    const place = this.place(id);
    if (place >= 0) return this.fresh.length - 1 - place;
    let before = this.fresh.length;
    for (const one of this.segments) {
      const at = one.rows.findIndex(call => call.id === id);
      if (at >= 0) return before + at;
      before += one.count;
    }
    return -1;
  }

  /** Sees to it that the rows from `first` to `last` are there, or on their way. */
  want(first: number, last: number): void {
    if (this.sorted) return;
    let before = this.fresh.length;
    for (const one of [...this.segments]) {
      if (before > last) break;
      const end = before + one.count;
      if (end > first && !one.done && !one.loading) this.load(one, Math.max(0, first - before), Math.min(one.count, last - before + 1));
      before = end;
    }
  }

  private load(one: Segment, first: number, last: number): void {
    if (last <= one.rows.length && !(one.borrowed && last > one.rows.length)) return;
    one.loading = true;
    const divide = this.counted && first > one.rows.length + READ_ON && one.from !== null && one.to !== null;
    (divide ? this.divide(one) : this.readOn(one, last - one.rows.length)).then(
      () => { one.loading = false; this.changed(); },
      fault => { one.loading = false; this.failed(fault); },
    );
  }

  private async readOn(one: Segment, more: number): Promise<void> {
    // A call may change between two pages only by becoming whole; its place is the cursor's business.
    const cursor = one.borrowed ? undefined : (one.cursor ?? undefined);
    const known = one.borrowed ? 0 : one.rows.length;
    const page = await this.page({
      limit: Math.min(1000, Math.max(PAGE, more + PAGE, one.borrowed ? one.rows.length + PAGE : 0)),
      cursor,
      from: one.from === null ? this.span.from : rfc3339(one.from),
      to: one.to === null ? this.span.to : rfc3339(one.to),
    });
    one.rows = known ? one.rows.concat(page.calls) : page.calls;
    one.borrowed = false;
    one.cursor = page.next;
    one.done = !page.next;
    if (one.done) one.count = one.rows.length;
    else if (!this.counted) one.count = one.rows.length + PAGE;
    else one.count = Math.max(one.count, one.rows.length + 1);
  }

  private async divide(one: Segment): Promise<void> {
    const histogram = await ask<HistogramData>('histogram', {
      where: this.where, from: rfc3339(one.from!), to: rfc3339(one.to!), buckets: Math.min(1000, Math.ceil(one.count / DIVIDE_TO)),
    }, this.stop.signal);
    const parts = segmentsOf(histogram, one.from, one.to).filter(part => part.count > 0);
    if (!this.down) parts.reverse();
    if (parts.length < 2) return this.readOn(one, READ_ON);
    this.segments = this.segments.flatMap(other => (other === one ? parts : [other]));
  }

  private page(params: { limit: number; cursor?: string; from?: string; to?: string }): Promise<CallsPage> {
    return ask<CallsPage>('calls', { where: this.where, from: this.span.from, to: this.span.to, sort: this.sort?.asked, order: this.down ? 'desc' : 'asc', select: 'summary', ...params }, this.stop.signal);
  }

  // === Live ===

  /** Adds live calls; `hold` keeps them back until `release`. */
  push(calls: Call[], hold: boolean): void {
    if (this.ordered) hold = true;
    const early = (this.top ?? BigInt(Date.now()) * 1_000_000n) - LATE_NS;
    for (const call of calls) {
      if (this.seen.has(call.id)) continue;
      if (nanos(call.time) < early) { this.late++; continue; }
      const place = this.place(call.id);
      if (place >= 0) { this.fresh[place] = call; continue; }
      this.held.push(call);
    }
    if (this.held.length > FRESH_MAX) {
      const over = this.held.length - FRESH_MAX;
      this.heldDropped += over;
      this.held.splice(0, over);
    }
    if (hold) this.waiting = this.held.length + this.heldDropped;
    else this.release();
  }

  release(): void {
    if (this.sorted || this.sort?.asked) return;
    if (this.heldDropped) this.bury(this.fresh.length, this.heldDropped, this.held[0]);
    for (const call of this.held) this.places.set(call.id, this.buried + this.fresh.push(call) - 1);
    this.held = [];
    this.heldDropped = 0;
    this.waiting = 0;
    if (this.fresh.length > FRESH_MAX) {
      const old = this.fresh.length - Math.floor(FRESH_MAX / 2);
      this.bury(old, 0, this.fresh[old]);
    }
    this.loading = false;
    this.changed();
  }

  /** Where the call `id` is among the fresh ones; -1 if it is not. */
  private place(id: string): number {
    const place = (this.places.get(id) ?? -1) - this.buried;
    return this.fresh[place]?.id === id ? place : -1;
  }

  /** The first so many live rows become a segment that can be fetched again. */
  private bury(count: number, dropped: number, next: Call | undefined): void {
    const to = next ? nanos(next.time) : null;
    for (const call of this.fresh.splice(0, count)) this.places.delete(call.id);
    this.buried += count;
    this.segments = [segment(this.top, to, count + dropped), ...this.segments];
    this.top = to;
  }

  private changed(): void {
    this.total = this.sorted?.length ?? this.fresh.length + this.segments.reduce((sum, one) => sum + one.count, 0);
    this.version++;
  }

  private failed(fault: unknown): void {
    if ((fault as Error).name === 'AbortError') return;
    this.error = fault instanceof ApiError ? fault : new ApiError(String(fault), 0);
    this.loading = false;
    this.version++;
  }
}
