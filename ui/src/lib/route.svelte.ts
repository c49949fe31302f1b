// Where the user is: view, query, time range and what is open. The URL says all of it, so that a link shows the same.

export type View = 'calls' | 'call' | 'services' | 'endpoints' | 'health' | 'import' | 'compare';
const VIEWS: View[] = ['calls', 'call', 'services', 'endpoints', 'health', 'import', 'compare'];

export interface Place {
  view: View;
  /** The call of the view `call`. */
  id: string;
  where: string;
  /** '' for all that is kept, '15m' for the last quarter of an hour, or 'from..to'. */
  range: string;
  /** Small things of a view: the open call, a tab, a sort. */
  extra: Record<string, string>;
}

export function parse(path: string, search: string): Place {
  const parts = path.split('/').filter(Boolean), query = new URLSearchParams(search);
  const view = VIEWS.find(view => view === parts[0]) ?? 'calls';
  const { where = '', range = '', id = '', ...extra } = Object.fromEntries(query) as Record<string, string>;
  return { view, id: view === 'call' ? id : '', where, range, extra };
}

export function link(place: Place): string {
  const query = new URLSearchParams();
  if (place.view === 'call') query.set('id', place.id);
  if (place.where) query.set('where', place.where);
  if (place.range) query.set('range', place.range);
  for (const [key, value] of Object.entries(place.extra)) if (value) query.set(key, value);
  const text = query.toString();
  return `/${place.view}${text ? `?${text}` : ''}`;
}

class Route {
  place = $state.raw<Place>(parse(location.pathname, location.search));
  /** Raised when relative ranges are to be computed anew. */
  tick = $state(0);

  constructor() {
    addEventListener('popstate', () => { this.place = parse(location.pathname, location.search); });
  }

  /** The link of the current place with `changes`; another view keeps only query and range. */
  to(changes: Partial<Place>): string {
    const leaves = changes.view && changes.view !== this.place.view;
    return link({ ...this.place, ...(leaves ? { extra: {} } : {}), ...changes });
  }

  go(changes: Partial<Place>, replace = false): void {
    const url = this.to(changes);
    if (url === location.pathname + location.search) return;
    history[replace ? 'replaceState' : 'pushState'](null, '', url);
    this.place = parse(location.pathname, location.search);
  }

  extra(changes: Record<string, string>, replace = false): void {
    this.go({ extra: { ...this.place.extra, ...changes } }, replace);
  }

  refresh(): void { this.tick++; }

  /** `from` and `to` for the API, relative ranges counted from now. */
  get span(): { from?: string; to?: string } {
    void this.tick;
    return span(this.place.range, Date.now());
  }

  /** Whether new calls belong to the range. */
  get open(): boolean { return !this.place.range.includes('..'); }
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function span(range: string, now: number): { from?: string; to?: string } {
  const dots = range.indexOf('..');
  if (dots >= 0) return { from: range.slice(0, dots) || undefined, to: range.slice(dots + 2) || undefined };
  const match = /^(\d+)([smhd])$/.exec(range);
  return match ? { from: new Date(now - Number(match[1]) * UNITS[match[2]!]!).toISOString() } : {};
}

export const route = new Route();
