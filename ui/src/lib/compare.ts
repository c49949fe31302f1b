// What differs between two calls. Pure.

import { parseJson, textOf } from './body';
import type { Body, Call, Half } from './types';

export interface Line { kind: 'same' | 'a' | 'b'; text: string }
export interface Pair { name: string; a?: string; b?: string; same: boolean }

const LINES_MAX = 3000;

/** The lines of two texts, in one order: those of `a` alone before those of `b` alone. Null if there are too many. */
export function lines(a: string, b: string): Line[] | null {
  const left = a.split('\n'), right = b.split('\n');
  let begin = 0, end = 0;
  while (begin < left.length && begin < right.length && left[begin] === right[begin]) begin++;
  while (end < left.length - begin && end < right.length - begin && left.at(-1 - end) === right.at(-1 - end)) end++;
  const one = left.slice(begin, left.length - end), two = right.slice(begin, right.length - end);
  if (one.length > LINES_MAX || two.length > LINES_MAX) return null;
  // The longest common subsequence, backwards, so that it is read forwards.
  const width = two.length + 1, best = new Uint16Array((one.length + 1) * width);
  for (let i = one.length - 1; i >= 0; i--) for (let j = two.length - 1; j >= 0; j--) best[i * width + j] = one[i] === two[j] ? best[(i + 1) * width + j + 1]! + 1 : Math.max(best[(i + 1) * width + j]!, best[i * width + j + 1]!);
  const found: Line[] = left.slice(0, begin).map(text => ({ kind: 'same', text }));
  for (let i = 0, j = 0; i < one.length || j < two.length;) {
    if (i < one.length && j < two.length && one[i] === two[j]) { found.push({ kind: 'same', text: one[i]! }); i++; j++; }
    else if (i < one.length && (j >= two.length || best[(i + 1) * width + j]! >= best[i * width + j + 1]!)) found.push({ kind: 'a', text: one[i++]! });
    else found.push({ kind: 'b', text: two[j++]! });
  }
  for (const text of left.slice(left.length - end)) found.push({ kind: 'same', text });
  return found;
}

/** Same lines far from any difference, left out: a number says how many. */
export function folded(list: Line[], around = 3): (Line | number)[] {
  const near = new Set<number>();
  list.forEach((line, at) => { if (line.kind !== 'same') for (let i = at - around; i <= at + around; i++) near.add(i); });
  const found: (Line | number)[] = [];
  list.forEach((line, at) => {
    const last = found.at(-1);
    if (near.has(at)) found.push(line);
    else if (typeof last === 'number') found[found.length - 1] = last + 1;
    else found.push(1);
  });
  return found;
}

/** Named values of both sides, in the order of `a`, then what only `b` has. */
export function pairs(a: [string, string][], b: [string, string][]): Pair[] {
  const rest = new Map<string, string[]>();
  for (const [name, value] of b) { const key = name.toLowerCase(); rest.set(key, [...(rest.get(key) ?? []), value]); }
  const found: Pair[] = a.map(([name, value]) => {
    const other = rest.get(name.toLowerCase())?.shift();
    return { name, a: value, b: other, same: other === value };
  });
  for (const [name, value] of b) { const left = rest.get(name.toLowerCase()); if (left?.length && left[0] === value) { left.shift(); found.push({ name, b: value, same: false }); } }
  return found;
}

const show = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
export const fieldsOf = (half: Half | undefined): [string, string][] => Object.entries(half?.fields ?? {}).map(([name, value]) => [name, show(value)]);

/** A body as comparable text: JSON with its keys on lines of their own. */
export function bodyText(body: Body | undefined): string | null {
  if (!body) return '';
  const text = textOf(body);
  if (text === null) return null;
  const json = parseJson(text);
  // Numbers too large to be read exactly are left as they are written.
  return json === undefined || /\d{16}/.test(text) ? text : JSON.stringify(JSON.parse(text), null, 2);
}

export function facts(call: Call, words: { duration: (ns?: number) => string; bytes: (count?: number) => string; moment: (time: string) => string; title: (call: Call, side: 'src' | 'dst') => string }): [string, string][] {
  const status = [call.status?.code, call.status?.text].filter(Boolean).join(' ');
  return ([
    ['When', words.moment(call.time)], ['Protocol', [call.protocol, call.version].filter(Boolean).join(' ')], ['Method', call.method ?? ''], ['Endpoint', call.endpoint ?? ''],
    ['Status', status], ['Result', call.status?.result ?? ''], ['Latency', words.duration(call.duration_ns)], ['Source', words.title(call, 'src')], ['Source pod', call.src.pod ?? ''],
    ['Destination', words.title(call, 'dst')], ['Destination pod', call.dst.pod ?? ''], ['Request', words.bytes(call.request?.size)], ['Response', words.bytes(call.response?.size)], ['Pairing', call.pairing], ['Connection', call.stream ?? ''],
  ] as [string, string][]).filter(([, value]) => value !== '');
}
