// What a body can be shown as. Everything here is pure but the XML parser, which is the browser's.

import type { Body, Half } from './types';

export type Kind = 'object' | 'array' | 'string' | 'number' | 'bool' | 'null' | 'element' | 'text' | 'comment';
export interface Node {
  key: string;
  kind: Kind;
  /** The value of a leaf; the attributes of an element. */
  text: string;
  children?: Node[];
  /** The leaf's place for the query language, where it can be named there. */
  path?: string;
}

export type Shape = 'tree' | 'form' | 'parts' | 'events' | 'graphql' | 'image' | 'text' | 'hex';
export interface Part { headers: [string, string][]; name: string; filename: string; type: string; bytes: Uint8Array }
export interface Event { event: string; data: string; id: string }

const NODES_MAX = 200_000;

export function bytesOf(body: Body): Uint8Array {
  if (body.base64 !== undefined) return fromBase64(body.base64);
  return new TextEncoder().encode(body.text ?? '');
}

export function fromBase64(text: string): Uint8Array {
  try {
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return bytes;
  } catch {
    return new Uint8Array();
  }
}

/** The text of a body, or null if it is none. */
export function textOf(body: Body): string | null {
  if (body.text !== undefined) return body.text;
  if (body.base64 === undefined) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(fromBase64(body.base64));
  } catch {
    return null;
  }
}

export const essence = (type: string | undefined): string => (type ?? '').split(';')[0]!.trim().toLowerCase();

/** The shapes a body has, the most telling one first. */
export function shapes(body: Body): Shape[] {
  const type = essence(body.media_type), text = textOf(body), found: Shape[] = [];
  if (type.startsWith('image/') && type !== 'image/svg+xml') found.push('image');
  if (text !== null && text !== '') {
    if (type === 'text/event-stream') found.push('events');
    if (type === 'application/x-www-form-urlencoded') found.push('form');
    const json = parseJson(text);
    if (json !== undefined && graphql(json)) found.push('graphql');
    if (json !== undefined || jsonLines(text) || isXml(type, text)) found.push('tree');
  }
  if (type.startsWith('multipart/')) found.push('parts');
  if (text !== null) found.push('text');
  found.push('hex');
  return found;
}

// === JSON ===

class Exact { constructor(readonly source: string) {} }

/** JSON whose numbers keep their digits; undefined if it is none, or only a bare word or number. */
export function parseJson(text: string): unknown {
  const start = text.trimStart()[0];
  if (start !== '{' && start !== '[' && start !== '"') return undefined;
  try {
    return JSON.parse(text, function (_key: string, value: unknown, context?: { source?: string }) {
      return typeof value === 'number' && context?.source && String(value) !== context.source && !Number.isSafeInteger(value) ? new Exact(context.source) : value;
    } as (key: string, value: unknown) => unknown);
  } catch {
    return undefined;
  }
}

/** Several JSON values, one a line. */
export function jsonLines(text: string): unknown[] | null {
  const lines = text.split('\n').filter(line => line.trim());
  if (lines.length < 2) return null;
  const values: unknown[] = [];
  for (const line of lines) {
    const value = parseJson(line);
    if (value === undefined) return null;
    values.push(value);
  }
  return values;
}

export function jsonTree(value: unknown, key = '', path = '', count = { left: NODES_MAX }): Node {
  count.left--;
  if (value instanceof Exact) return { key, kind: 'number', text: value.source, path };
  if (value === null) return { key, kind: 'null', text: 'null', path };
  if (Array.isArray(value)) return { key, kind: 'array', text: '', children: value.slice(0, Math.max(0, count.left)).map((inner, i) => jsonTree(inner, String(i), '', count)) };
  if (typeof value === 'object') {
    const children = Object.entries(value).slice(0, Math.max(0, count.left)).map(([name, inner]) => jsonTree(inner, name, path && /^[A-Za-z_]\w*$/.test(name) ? `${path}.${name}` : '', count));
    return { key, kind: 'object', text: '', children };
  }
  if (typeof value === 'string') return { key, kind: 'string', text: value, path };
  return { key, kind: typeof value === 'number' ? 'number' : 'bool', text: String(value), path };
}

// === XML ===

export const isXml = (type: string, text: string): boolean => /[/+]xml$|\/html$/.test(type) || /^\s*<\?xml/.test(text);

export function xmlTree(text: string, type: string): Node | null {
  const html = type === 'text/html';
  const document = new DOMParser().parseFromString(text, html ? 'text/html' : 'application/xml');
  if (!html && document.querySelector('parsererror')) return null;
  const root = document.documentElement;
  return root ? xmlNode(root, { left: NODES_MAX }) : null;
}

function xmlNode(element: Element, count: { left: number }): Node {
  count.left--;
  const attributes = [...element.attributes].map(one => ` ${one.name}="${one.value}"`).join('');
  const children: Node[] = [];
  for (const child of element.childNodes) {
    if (count.left <= 0) break;
    if (child.nodeType === 1) children.push(xmlNode(child as Element, count));
    else if (child.nodeType === 3 || child.nodeType === 4) {
      const text = (child.nodeValue ?? '').trim();
      if (text) children.push({ key: '', kind: 'text', text });
    } else if (child.nodeType === 8) children.push({ key: '', kind: 'comment', text: (child.nodeValue ?? '').trim() });
  }
  return { key: element.localName, kind: 'element', text: attributes, children };
}

// === Forms, parts, events ===

export function form(text: string): [string, string][] {
  return [...new URLSearchParams(text)];
}

export function boundary(type: string | undefined): string {
  return /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type ?? '')?.slice(1).find(Boolean) ?? '';
}

/** The parts of a multipart body; a cut last part is there as far as it goes. */
export function parts(bytes: Uint8Array, type: string | undefined): Part[] {
  const text = new TextDecoder('latin1').decode(bytes), first = text.indexOf('--');
  const mark = `--${boundary(type) || (first === 0 ? text.slice(2, text.search(/\r?\n/)) : '')}`;
  if (mark === '--') return [];
  const found: Part[] = [];
  for (let at = text.indexOf(mark); at >= 0 && found.length < 1000; ) {
    const begin = text.indexOf('\n', at) + 1;
    if (begin === 0 || text.startsWith('--', at + mark.length)) break;
    const next = text.indexOf(mark, begin), end = next < 0 ? text.length : next;
    const split = /\r?\n\r?\n/.exec(text.slice(begin, end));
    const head = split ? text.slice(begin, begin + split.index) : '';
    const from = split ? begin + split.index + split[0].length : begin;
    const to = next < 0 ? end : end - (text.slice(0, end).endsWith('\r\n') ? 2 : 1);
    const headers = head.split(/\r?\n/).filter(Boolean).map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
    const get = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? '';
    const about = get('content-disposition');
    found.push({ headers, name: /\bname="([^"]*)"/.exec(about)?.[1] ?? '', filename: /filename="([^"]*)"/.exec(about)?.[1] ?? '', type: get('content-type'), bytes: bytes.slice(from, Math.max(from, to)) });
    at = next;
  }
  return found;
}

export function events(text: string): Event[] {
  return text.replace(/\r\n?/g, '\n').split('\n\n').map(block => {
    const event: Event = { event: 'message', data: '', id: '' };
    let data: string[] = [];
    for (const line of block.split('\n')) {
      if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      else if (line.startsWith('event:')) event.event = line.slice(6).trim();
      else if (line.startsWith('id:')) event.id = line.slice(3).trim();
    }
    event.data = data.join('\n');
    return event;
  }).filter(event => event.data !== '');
}

/** The text that a language model streamed piece by piece in events; empty if these are other events. */
export function spoken(list: Event[]): string {
  let text = '';
  for (const { data } of list) {
    const value = parseJson(data) as Record<string, any> | undefined;
    if (!value || typeof value !== 'object') continue;
    const piece = value['choices']?.[0]?.delta?.content ?? value['choices']?.[0]?.text ?? value['delta']?.text ?? value['candidates']?.[0]?.content?.parts?.[0]?.text;
    if (typeof piece === 'string') text += piece;
  }
  return text;
}

export interface GraphQl { query: string; operation: string; variables: unknown }

/** The GraphQL request that a JSON value is, if it is one. */
export function graphql(value: unknown): GraphQl | null {
  const inner = (Array.isArray(value) ? value[0] : value) as Record<string, unknown> | null;
  if (!inner || typeof inner !== 'object') return null;
  const query = inner['query'];
  if (typeof query !== 'string' || !/^\s*(?:#.*\n\s*)*(?:query|mutation|subscription|fragment)\b|^\s*\{/.test(query)) return null;
  return { query, operation: String(inner['operationName'] ?? ''), variables: inner['variables'] };
}

// === Hex ===

export interface HexLine { offset: string; hex: string[]; text: string }

export function hexLine(bytes: Uint8Array, line: number): HexLine {
  const slice = bytes.subarray(line * 16, line * 16 + 16), hex: string[] = [];
  let text = '';
  for (const byte of slice) {
    hex.push(byte.toString(16).padStart(2, '0'));
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·';
  }
  return { offset: (line * 16).toString(16).padStart(6, '0'), hex, text };
}

export function fromHex(text: string): Uint8Array {
  const clean = text.replace(/[^0-9a-fA-F]/g, '');
  const bytes = new Uint8Array(clean.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(clean.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

// === Fields that hold more than a value ===

/** A list of JSON objects written as texts, as protocols give rows and messages. */
export function records(value: unknown): Record<string, unknown>[] | null {
  if (!Array.isArray(value) || !value.length) return null;
  const found: Record<string, unknown>[] = [];
  for (const text of value) {
    const inner = typeof text === 'string' ? parseJson(text) : text;
    if (!inner || typeof inner !== 'object' || Array.isArray(inner)) return null;
    found.push(inner as Record<string, unknown>);
  }
  return found;
}

export interface Said { from: 'src' | 'dst'; after_ns: number; number: number; size?: number; about: string; payload: unknown; cut: boolean }

/** The messages of a streaming call, both sides in the order they were sent. */
export function conversation(request: Half | undefined, response: Half | undefined): Said[] {
  const said: Said[] = [];
  for (const [half, from] of [[request, 'src'], [response, 'dst']] as const) {
    for (const value of Object.values(half?.fields ?? {})) {
      const list = records(value);
      if (!list || !list.every(one => 'payload' in one && 'number' in one)) continue;
      for (const one of list) {
        const about = [one['type'], one['compressed'] === true ? 'compressed' : ''].filter(Boolean).join(', ');
        said.push({ from: one['direction'] === 'response' ? 'dst' : one['direction'] === 'request' ? 'src' : from, after_ns: (half?.first_ns ?? 0) + Number(one['after_ns'] ?? 0), number: Number(one['number']), size: one['size'] as number | undefined, about, payload: one['payload'], cut: Boolean(one['cut']) });
      }
    }
    if (half?.body && essence(half.body.media_type) === 'text/event-stream') {
      events(half.body.text ?? '').forEach((event, i) => said.push({ from, after_ns: half.first_ns ?? 0, number: i + 1, about: event.event, payload: parseJson(event.data) ?? event.data, cut: false }));
    }
  }
  return said.sort((a, b) => a.after_ns - b.after_ns || Number(a.from === 'dst') - Number(b.from === 'dst') || a.number - b.number);
}

/** Cookies of a header's value: `a=1; b=2`. */
export function cookies(headers: [string, string][] | undefined): [string, string, string][] {
  const found: [string, string, string][] = [];
  for (const [name, value] of headers ?? []) {
    const lower = name.toLowerCase();
    if (lower === 'cookie') for (const pair of value.split(/;\s*/)) { const at = pair.indexOf('='); if (at > 0) found.push([pair.slice(0, at), pair.slice(at + 1), '']); }
    if (lower === 'set-cookie') { const [pair = '', ...attributes] = value.split(/;\s*/); const at = pair.indexOf('='); if (at > 0) found.push([pair.slice(0, at), pair.slice(at + 1), attributes.join('; ')]); }
  }
  return found;
}

/** Query parameters of the request's URL, however it is told. */
export function parameters(half: Half | undefined): [string, string][] {
  const fields = half?.fields ?? {};
  const full = [fields['url.full'], fields['url.query']].find(value => typeof value === 'string' && value) as string | undefined;
  if (!full) return [];
  const query = fields['url.query'] === full ? full.replace(/^\?/, '') : full.includes('?') ? full.slice(full.indexOf('?') + 1).split('#')[0]! : '';
  return query ? form(query) : [];
}
