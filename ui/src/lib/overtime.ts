// Spans and steps of time for `over=` of an aggregate. Pure.

import { millis } from './format';
import type { Aggregate } from './types';

const STEPS: [number, string][] = [[100, '100ms'], [250, '250ms'], [500, '500ms'], [1000, '1s'], [2000, '2s'], [5000, '5s'], [10_000, '10s'], [15_000, '15s'], [30_000, '30s'], [60_000, '1m'], [120_000, '2m'], [300_000, '5m'], [600_000, '10m'], [900_000, '15m'], [1_800_000, '30m'], [3_600_000, '1h'], [7_200_000, '2h'], [21_600_000, '6h'], [43_200_000, '12h'], [86_400_000, '24h']];

/** The step that cuts `spanMs` into at most `parts`. */
export function step(spanMs: number, parts: number): { ms: number; text: string } {
  const [ms, text] = STEPS.find(([ms]) => spanMs / ms <= parts) ?? STEPS.at(-1)!;
  return { ms, text };
}

export const at = (table: Aggregate, name: string): number => table.columns.findIndex(column => column.name === name);

/** An answer with `over`, as aligned lists by group: times that nothing happened at are 0 for counts, null otherwise. */
export function byGroup(table: Aggregate, group: string[], show: string[], stepMs: number): { times: number[]; groups: Map<string, Map<string, (number | null)[]>> } {
  const time = at(table, 'time'), keys = group.map(name => at(table, name)), values = show.map(name => at(table, name));
  const stamps = table.rows.map(row => millis(String(row[time])));
  const begin = Math.min(...stamps), end = Math.max(...stamps);
  const count = stamps.length ? Math.min(5000, Math.round((end - begin) / stepMs) + 1) : 0;
  const times = Array.from({ length: count }, (_, i) => begin + i * stepMs);
  const groups = new Map<string, Map<string, (number | null)[]>>();
  table.rows.forEach((row, i) => {
    const key = keys.map(at => row[at] ?? '').join('\u0000');
    let one = groups.get(key);
    if (!one) groups.set(key, (one = new Map(show.map(name => [name, Array<number | null>(count).fill(name === 'count' ? 0 : null)]))));
    const place = Math.round((stamps[i]! - begin) / stepMs);
    show.forEach((name, n) => { const value = row[values[n]!]; if (place < count) one.get(name)![place] = value === null || value === undefined ? null : Number(value); });
  });
  return { times, groups };
}
