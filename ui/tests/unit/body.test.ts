import { describe, expect, it } from 'vitest';
import { draw, nodeWhere, view } from '../../src/lib/map';
import { eachEvent } from '../../src/lib/api';
import { lossesOf } from '../../src/lib/live.svelte';
import { link, parse, span } from '../../src/lib/route.svelte';
import { family } from '../../src/lib/protocols.svelte';
import { lack } from '../../src/lib/columns';
import { nameOf, stateOf, words } from '../../src/lib/health';
import { bytesOf, fromHex, jsonTree, parseJson, shapes, textOf } from '../../src/lib/body';
import type { Call, MapEdge, MapNode } from '../../src/lib/types';

describe('bodies', () => {
  // Browsers tell a number's source; Node 20 does not yet.
  const told = 'rawJSON' in JSON;
  it.skipIf(!told)('keep the digits of large numbers', () => {
    const tree = jsonTree(parseJson('{"id":12345678901234567890,"x":[1.50,true,null]}'));
    expect(tree.children![0]!.text).toBe('12345678901234567890');
  });
  it('are shown as what they are', () => {
    expect(shapes({ media_type: 'application/json', text: '{"a":1}' })[0]).toBe('tree');
    expect(shapes({ media_type: 'application/x-www-form-urlencoded', text: 'a=1' })[0]).toBe('form');
    expect(shapes({ media_type: 'image/png', base64: 'iVBORw==' })[0]).toBe('image');
    expect(shapes({ base64: '/w==' })).toEqual(['hex']);
    expect(shapes({ media_type: 'application/json', text: '{"query":"query A { b }"}' })[0]).toBe('graphql');
  });
  it('are bytes, whatever they came as', () => {
    expect([...bytesOf({ base64: 'AAH/' })]).toEqual([0, 1, 255]);
    expect([...fromHex('00ff10')]).toEqual([0, 255, 16]);
    expect(textOf({ base64: '/w==' })).toBe(null);
    expect(textOf({ base64: 'not base64!' })).toBe('');
  });
});

describe('places', () => {
  it('come out of links as they went in', () => {
    const place = { view: 'call' as const, id: '1:19240.1-27@1795418363267222000', where: 'a == "b&c"', range: '2026-01-01T00:00:00Z..', extra: { tab: 'identity' } };
    const url = new URL(link(place), 'http://x');
    expect(url.pathname).toBe('/call');
    expect(parse(url.pathname, url.search)).toEqual(place);
    expect(parse('/nowhere', '')).toMatchObject({ view: 'calls', where: '' });
  });
  it('have spans', () => {
    expect(span('', 0)).toEqual({});
    expect(span('5m', 600_000)).toEqual({ from: new Date(300_000).toISOString() });
    expect(span('a..b', 0)).toEqual({ from: 'a', to: 'b' });
    expect(span('..b', 0)).toEqual({ from: undefined, to: 'b' });
  });
});

describe('the live tail', () => {
  it('is read in whatever pieces it comes', () => {
    const text = 'event: call\ndata: {"a":1}\n\n: still here\n\nevent: missed\ndata: {"count":3}\n\n';
    for (let cut = 0; cut <= text.length; cut++) {
      const heard: string[] = [];
      const rest = eachEvent(text.slice(0, cut), ({ event, data }) => heard.push(event + data));
      expect(eachEvent(rest + text.slice(cut), ({ event, data }) => heard.push(event + data))).toBe('');
      expect(heard).toEqual(['call{"a":1}', 'missed{"count":3}']);
    }
  });
  it('tells losses that are some', () => {
    expect(lossesOf({ losses: [{ name: 'a', words: 'bytes', count: 2 }, { name: 'b', words: 'x', count: 0 }] })).toEqual([{ name: 'a', words: 'bytes', count: 2, next: undefined }]);
    expect(lossesOf({ kernel_drops: 3 })[0]!.words).toBe('kernel drops');
    expect(words({ name: 'tail_missed', words: 'calls that were missed', count: 1 })).toBe('Calls that were missed');
    expect(nameOf({ server: '10.0.0.1:9', workload: null, why: 'gap', what: '', flows: 1, bytes: 1, next: '' })).toBe('10.0.0.1:9');
    expect(stateOf({ name: 'live: any', live: true, state: 'reading' })).toBe('Capturing');
  });
});

describe('words about calls', () => {
  const call = (more: Partial<Call>) => ({ id: '1', time: '', protocol: 'x', src: { ip: 'a' }, dst: { ip: 'b' }, pairing: 'matched', ...more }) as Call;
  it('say what is not whole', () => {
    expect(lack(call({}))).toBe('');
    expect(lack(call({ pairing: 'unanswered' }))).toBe('No response was seen');
    expect(lack(call({ pairing: 'unanswered', missing: { why: 'gap' } }))).toBe('No response: packets were lost');
    expect(lack(call({ pairing: 'matched', missing: { why: 'something new' } }))).toBe('Incomplete: something new');
  });
  it('know a family by its fields', () => {
    expect(family({ name: 'a', fields: [{ name: 'http.x' }, { name: 'rpc.y' }] })).toBe('rpc');
    expect(family({ name: 'b', fields: [{ name: 'db.query.text' }] })).toBe('data');
    expect(family({ name: 'c', fields: [] })).toBe('other');
  });
});

describe('the map', () => {
  const nodes = (count: number, groups: number): MapNode[] => Array.from({ length: count }, (_, i) => ({ id: `n${i}`, name: `n${i}`, kind: 'Deployment', namespace: groups ? `g${i % groups}` : null, calls: i, errors: 0 }));
  const edges = (count: number, links: number): MapEdge[] => Array.from({ length: links }, (_, i) => ({ from: `n${(i * 7) % count}`, to: `n${(i * 13 + 1) % count}`, protocol: 'http', calls: i + 1, errors: 0, rate: 1, error_rate: 0, p99_ns: i }));
  const apart = (boxes: { x: number; y: number; width: number; height: number }[]) => boxes.every((a, i) => boxes.slice(i + 1).every(b => a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y));
  it('shows each workload once, and no two over each other', () => {
    for (const [count, groups, links] of [[5, 2, 6], [38, 0, 20], [30, 7, 60], [1, 0, 0]] as const) {
      const seen = view({ nodes: nodes(count, groups), edges: edges(count, links) }, new Set(), null), drawn = draw(seen);
      expect(seen.nodes.length).toBe(count);
      expect(drawn.nodes.size).toBe(count);
      expect(apart([...drawn.nodes.values()])).toBe(true);
      for (const box of drawn.nodes.values()) expect(box.x >= 0 && box.y >= 0 && box.x + box.width <= drawn.width && box.y + box.height <= drawn.height).toBe(true);
    }
  });
  it('folds namespaces where there are many', () => {
    const map = { nodes: nodes(500, 25), edges: edges(500, 1500) }, seen = view(map, new Set(), null);
    expect(seen.nodes.length).toBe(25);
    expect(seen.nodes.reduce((sum, node) => sum + node.members.length, 0)).toBe(500);
    expect(view(map, new Set(['g3']), null).nodes.filter(node => !node.folded).length).toBe(20);
    const begin = performance.now();
    draw(seen);
    expect(performance.now() - begin).toBeLessThan(20_000);
  });
  it('says which calls a node means', () => {
    expect(nodeWhere({ name: '10.0.0.1' }, 'dst')).toBe('dst.ip == "10.0.0.1"');
    expect(nodeWhere({ name: 'a', namespace: 'n' }, 'src')).toBe('src.workload.name == "a" && src.namespace == "n"');
    expect(nodeWhere({ name: 'bank.example' }, 'dst')).toBe('dst.name == "bank.example"');
  });
});
