// Endpoints: the condition that a group of calls is meant, and the bands of a latency heat map. Pure.

import { equals } from './where';
import type { HeatMapData } from './types';

export interface Endpoint { protocol: string; method: string | null; endpoint: string | null }

/** The condition of one endpoint, which is counted by its template. */
export function endpointWhere({ protocol, method, endpoint }: Endpoint): string {
  return [equals('protocol', protocol), method === null ? '!has(method)' : equals('method', method), endpoint === null ? '!has(endpoint)' : equals('endpoint.template', endpoint)].join(' && ');
}

/** At most `bands` bands of latency with their counts: the fastest ones are taken together. */
export function banded(map: HeatMapData, bands: number): { bands: [number | undefined, number | undefined][]; counts: number[][] } {
  const over = Math.max(0, map.steps.length - bands);
  const sum = map.counts.slice(0, over + 1).reduce((a, b) => a.map((count, i) => count + b[i]!), map.counts[0]?.map(() => 0) ?? []);
  const steps = map.steps.slice(over), counts = [sum, ...map.counts.slice(over + 1)];
  return { bands: steps.map((step, i) => [i ? step : undefined, steps[i + 1]]), counts: steps.length ? counts : [] };
}

/** The condition of a band between two bounds; without one it is open. */
export function bandWhere(from: number | undefined, to: number | undefined): string {
  const at = (ns: number) => `duration("${ns >= 1e9 ? `${ns / 1e9}s` : ns >= 1e6 ? `${ns / 1e6}ms` : `${ns / 1e3}us`}")`;
  return [from !== undefined && `duration >= ${at(from)}`, to !== undefined && `duration < ${at(to)}`].filter(Boolean).join(' && ');
}
