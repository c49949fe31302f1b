// Endpoints: the condition that a group of calls is meant, and the steps of a latency heat map. Pure.

import { equals, literal } from './where';

/** What the server puts in place of a part that varies: `{id}`. */
const VARIES = /\{[a-z]+\}/g;

export interface Endpoint { protocol: string; method: string | null; endpoint: string | null }

const quoted = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** The condition of one endpoint; a template matches everything that fits it. */
export function endpointWhere({ protocol, method, endpoint }: Endpoint): string {
  const parts = [equals('protocol', protocol), method === null ? '!has(method)' : equals('method', method)];
  if (endpoint === null) parts.push('!has(endpoint)');
  else if (!endpoint.match(VARIES)) parts.push(endpoint.startsWith('/') ? `endpoint.matches(${literal(`^${quoted(endpoint)}([?#]|$)`)})` : equals('endpoint', endpoint));
  else parts.push(`endpoint.matches(${literal(`^${endpoint.split(VARIES).map(quoted).join('[^/]+')}${endpoint.startsWith('/') ? '([?#]|$)' : '$'}`)})`);
  return parts.join(' && ');
}

/** Bounds of latency bands in nanoseconds, 1-3-10 steps that hold `least` to `most`, at most `bands` of them. */
export function bounds(least: number, most: number, bands: number): number[] {
  const steps: number[] = [];
  for (let ns = 1000; ns <= 3600e9; ns *= 10) steps.push(ns, ns * 3);
  let first = Math.max(0, steps.findIndex(step => step > least) - 1), last = steps.findIndex(step => step > most);
  if (last < 0) last = steps.length - 1;
  // The bands at the ends are open: what is slower or faster still belongs to them.
  if (last - first > bands) first = last - bands;
  return steps.slice(first + 1, Math.max(first + 2, last));
}

/** The condition of a band between two bounds; without one it is open. */
export function bandWhere(from: number | undefined, to: number | undefined): string {
  const at = (ns: number) => `duration("${ns >= 1e9 ? `${ns / 1e9}s` : ns >= 1e6 ? `${ns / 1e6}ms` : `${ns / 1e3}us`}")`;
  return [from !== undefined && `duration >= ${at(from)}`, to !== undefined && `duration < ${at(to)}`].filter(Boolean).join(' && ');
}
