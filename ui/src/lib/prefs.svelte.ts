// What this browser remembers: theme, time zone, columns, past and saved queries.

export type Theme = 'auto' | 'light' | 'dark';
export interface SavedQuery { name: string; where: string }

interface Kept {
  theme: Theme;
  utc: boolean;
  facets: boolean;
  columns: string[] | null;
  widths: Record<string, number>;
  panel: number;
  history: string[];
  saved: SavedQuery[];
}

const KEY = 'callscope.prefs';
const FIRST: Kept = { theme: 'auto', utc: true, facets: !(globalThis.innerWidth < 1000), columns: null, widths: {}, panel: 0, history: [], saved: [] };

function read(): Kept {
  try {
    return { ...FIRST, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Kept>) };
  } catch {
    return { ...FIRST };
  }
}

export const prefs = $state<Kept>(read());

/** Keeps what changes, and shows the theme. Called once, inside a component. */
export function keepPrefs(): void {
  $effect(() => {
    const text = JSON.stringify(prefs);
    try { localStorage.setItem(KEY, text); } catch { /* a full or closed storage loses only comfort */ }
  });
  $effect(() => {
    if (prefs.theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = prefs.theme;
  });
}

export function remember(where: string): void {
  if (!where.trim()) return;
  prefs.history = [where, ...prefs.history.filter(other => other !== where)].slice(0, 50);
}
