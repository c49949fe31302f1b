// From the service map to something drawn: crowded namespaces folded into one node, then laid out. Pure.

import { Graph, layout as dagre } from '@dagrejs/dagre';
import { literal } from './where';
import type { MapEdge, MapNode, ServiceMap } from './types';

/** With more workloads than this, namespaces are folded until they are opened. */
export const FOLD_AT = 40;
/** More folded namespaces than this are drawn as one, "others". */
const GROUPS_MAX = 48;
const WIDTH = 176, HEIGHT = 46;
/** With fewer links than this, all of them bear their figures, and room is made for them. */
export const LABELLED_MAX = 14;
const LABEL = { width: 104, height: 36 };

export interface Shown { id: string; name: string; kind: string; namespace: string; calls: number; errors: number; members: MapNode[]; folded: boolean }
export interface Link { id: string; from: string; to: string; calls: number; errors: number; rate: number; p99_ns: number | null; parts: MapEdge[] }
export interface View { nodes: Shown[]; links: Link[] }

const groupOf = (node: MapNode): string => node.namespace ?? '';

/** What is drawn of `map` when the namespaces in `open` are unfolded; `focus` leaves a node and its neighbours. */
export function view(map: ServiceMap, open: ReadonlySet<string>, focus: string | null): View {
  const byId = new Map(map.nodes.map(node => [node.id, node]));
  let nodes = map.nodes, edges = map.edges.filter(edge => byId.has(edge.from) && byId.has(edge.to));
  if (focus && byId.has(focus)) {
    edges = edges.filter(edge => edge.from === focus || edge.to === focus);
    const near = new Set([focus, ...edges.flatMap(edge => [edge.from, edge.to])]);
    nodes = nodes.filter(node => near.has(node.id));
  }
  const fold = nodes.length > FOLD_AT;
  const sums = new Map<string, number>();
  for (const node of nodes) sums.set(groupOf(node), (sums.get(groupOf(node)) ?? 0) + node.calls);
  const kept = new Set([...sums].sort((a, b) => b[1] - a[1]).slice(0, GROUPS_MAX).map(([name]) => name));
  const place = new Map<string, string>(), shown = new Map<string, Shown>();
  for (const node of nodes) {
    const group = groupOf(node), folded = fold && node.id !== focus && !open.has(group) && (group !== '' || nodes.filter(other => groupOf(other) === '').length > 8);
    const id = folded ? (kept.has(group) ? `group:${group}` : 'group:…') : node.id;
    place.set(node.id, id);
    const one = shown.get(id);
    if (one) { one.calls += node.calls; one.errors += node.errors; one.members.push(node); }
    else shown.set(id, { id, name: folded ? (kept.has(group) ? group || 'Outside' : 'Other namespaces') : node.name, kind: folded ? 'Namespace' : (node.kind ?? ''), namespace: folded ? '' : group, calls: node.calls, errors: node.errors, members: [node], folded });
  }
  const links = new Map<string, Link>();
  for (const edge of edges) {
    const from = place.get(edge.from)!, to = place.get(edge.to)!, id = `${from} ${to}`;
    if (from === to) continue;
    const one = links.get(id) ?? { id, from, to, calls: 0, errors: 0, rate: 0, p99_ns: null, parts: [] };
    one.calls += edge.calls;
    one.errors += edge.errors;
    one.rate += edge.rate;
    // Percentiles don't add up: of several edges, the slowest is told.
    if (edge.p99_ns !== null && edge.p99_ns !== undefined) one.p99_ns = Math.max(one.p99_ns ?? 0, edge.p99_ns);
    one.parts.push(edge);
    links.set(id, one);
  }
  return { nodes: [...shown.values()], links: [...links.values()] };
}

export interface Box { x: number; y: number; width: number; height: number }
export interface Drawing { width: number; height: number; nodes: Map<string, Box>; groups: (Box & { name: string })[]; paths: Map<string, { d: string; label: { x: number; y: number } }> }

/** Parts of the map that no link and no namespace joins. */
function parts({ nodes, links }: View): View[] {
  const head = new Map<string, string>();
  const find = (id: string): string => {
    let at = id;
    for (let up = head.get(at); up !== undefined && up !== at; up = head.get(at)) at = up;
    return at;
  };
  const join = (a: string, b: string) => { const [one, two] = [find(a), find(b)]; if (one !== two) head.set(one, two); };
  for (const node of nodes) if (node.namespace && !node.folded) join(node.id, `ns:${node.namespace}`);
  for (const link of links) join(link.from, link.to);
  const found = new Map<string, View>();
  const of = (id: string) => { const key = find(id); let one = found.get(key); if (!one) found.set(key, (one = { nodes: [], links: [] })); return one; };
  for (const node of nodes) of(node.id).nodes.push(node);
  for (const link of links) of(link.from).links.push(link);
  return [...found.values()];
}

/** Places from left to right: who asks stands left of who is asked. Parts stand in rows, as wide as `aspect` wants. */
export function draw(all: View, aspect = 1.7): Drawing {
  const labelled = all.links.length <= LABELLED_MAX;
  const drawn = parts(all).map(part => drawPart(part, labelled)).sort((a, b) => b.height - a.height || b.width - a.width);
  const area = drawn.reduce((sum, one) => sum + one.width * one.height, 0);
  const wide = Math.max(...drawn.map(one => one.width), Math.sqrt(area * aspect) * 1.08, 1);
  const whole: Drawing = { width: 1, height: 1, nodes: new Map(), groups: [], paths: new Map() };
  // Shelves: the first that has room takes a part, upwards in its last column if there is room below.
  const shelves: { y: number; height: number; x: number; column: { x: number; y: number; width: number } }[] = [];
  let bottom = 0;
  for (const one of drawn) {
    let x = 0, y = bottom;
    const below = shelves.find(shelf => one.width <= shelf.column.width && shelf.column.y + one.height <= shelf.y + shelf.height);
    const beside = below ? undefined : shelves.find(shelf => shelf.x + one.width <= wide && one.height <= shelf.height);
    if (below) { x = below.column.x; y = below.column.y; below.column.y += one.height; }
    else if (beside) { x = beside.x; y = beside.y; beside.column = { x, y: y + one.height, width: one.width }; beside.x += one.width; }
    else { shelves.push({ y, height: one.height, x: one.width, column: { x: 0, y: y + one.height, width: one.width } }); bottom += one.height; }
    shift(one.nodes, one.groups, one.paths, x, y);
    for (const [id, box] of one.nodes) whole.nodes.set(id, box);
    for (const [id, path] of one.paths) whole.paths.set(id, path);
    whole.groups.push(...one.groups);
    whole.width = Math.max(whole.width, x + one.width);
    whole.height = Math.max(whole.height, y + one.height);
  }
  return whole;
}

function drawPart({ nodes, links }: View, labelled: boolean): Drawing {
  const graph = new Graph({ compound: true, multigraph: false });
  graph.setGraph({ rankdir: 'LR', nodesep: labelled ? 30 : 16, ranksep: labelled ? 44 : nodes.length > 60 ? 110 : 78, marginx: 16, marginy: 16, ranker: 'network-simplex' });
  graph.setDefaultEdgeLabel(() => ({}));
  const groups = new Set(nodes.filter(node => !node.folded && node.namespace).map(node => node.namespace));
  for (const group of groups) graph.setNode(`ns:${group}`, {});
  for (const node of nodes) {
    graph.setNode(node.id, { width: WIDTH, height: HEIGHT });
    if (groups.has(node.namespace) && !node.folded) graph.setParent(node.id, `ns:${node.namespace}`);
  }
  // Whole weights: with fractions, the simplex may chase a rounding error for ever.
  for (const link of links) graph.setEdge(link.from, link.to, { weight: 1 + Math.round(Math.log10(link.calls + 1)), ...(labelled ? { ...LABEL, labelpos: 'c' } : {}) });
  dagre(graph);

  const placed = new Map<string, Box>();
  for (const node of nodes) {
    const { x, y } = graph.node(node.id) as { x: number; y: number };
    placed.set(node.id, { x: x - WIDTH / 2, y: y - HEIGHT / 2, width: WIDTH, height: HEIGHT });
  }
  const around = [...groups].map(name => {
    const members = nodes.filter(node => node.namespace === name && !node.folded).map(node => placed.get(node.id)!);
    const left = Math.min(...members.map(box => box.x)) - 14, right = Math.max(...members.map(box => box.x + box.width)) + 14;
    const top = Math.min(...members.map(box => box.y)) - 30, bottom = Math.max(...members.map(box => box.y + box.height)) + 14;
    return { name, x: left, y: top, width: right - left, height: bottom - top };
  });
  const paths = new Map<string, { d: string; label: { x: number; y: number } }>();
  for (const link of links) {
    const { points, x, y } = graph.edge(link.from, link.to) as { points: { x: number; y: number }[]; x?: number; y?: number };
    paths.set(link.id, { d: smooth(points), label: x !== undefined && y !== undefined ? { x, y } : points[Math.floor(points.length / 2)]! });
  }
  const all = [...placed.values(), ...around];
  const minX = Math.min(0, ...all.map(box => box.x - 10)), minY = Math.min(0, ...all.map(box => box.y - 10));
  if (minX < 0 || minY < 0) shift(placed, around, paths, -minX, -minY);
  return { width: Math.max(1, ...all.map(box => box.x + box.width)) + 16, height: Math.max(1, ...all.map(box => box.y + box.height)) + 16, nodes: placed, groups: around, paths };
}

function shift(nodes: Map<string, Box>, groups: Box[], paths: Drawing['paths'], x: number, y: number): void {
  for (const box of [...nodes.values(), ...groups]) { box.x += x; box.y += y; }
  for (const path of paths.values()) {
    path.label = { x: path.label.x + x, y: path.label.y + y };
    let even = true;
    path.d = path.d.replace(/-?\d+(?:\.\d+)?/g, number => { const moved = Number(number) + (even ? x : y); even = !even; return moved.toFixed(1); });
  }
}

/** A curve through the middles of a line's pieces. */
function smooth(points: { x: number; y: number }[]): string {
  const at = (point: { x: number; y: number }) => `${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
  const [first, ...rest] = points;
  if (!first || !rest.length) return '';
  let d = `M${at(first)}`;
  for (let i = 0; i < rest.length - 1; i++) {
    const here = rest[i]!, next = rest[i + 1]!;
    d += `Q${at(here)} ${at(i === rest.length - 2 ? next : { x: (here.x + next.x) / 2, y: (here.y + next.y) / 2 })}`;
  }
  return rest.length === 1 ? `${d}L${at(rest[0]!)}` : d;
}

const isAddress = (name: string) => /^[\d.]+$|^[0-9a-f:]+$/i.test(name) && /[.:]/.test(name);

/** The condition that a side of a call is this node. */
export function nodeWhere(node: { name: string; namespace?: string | null; kind?: string; folded?: boolean; members?: MapNode[] }, side: 'src' | 'dst'): string {
  if (node.folded) return `${side}.namespace == ${literal(node.members?.[0]?.namespace ?? node.name)}`;
  if (isAddress(node.name)) return `${side}.ip == ${literal(node.name)}`;
  if (!node.namespace) return `${side}.name == ${literal(node.name)}`;
  return `${side}.workload.name == ${literal(node.name)} && ${side}.namespace == ${literal(node.namespace)}`;
}
