// The HTTP API of `callscope serve`, served from recorded calls: for work on the dashboard and its tests.
// node mock/server.mjs [--port 8898] [--calls 20000] [--live 8] [--loss] [--spread 0] [--empty]

import { createServer } from 'node:http';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Data, iso } from './data.mjs';
import { Fault, compile } from './query.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const option = (name, fallback) => { const at = process.argv.indexOf('--' + name); return at < 0 ? fallback : process.argv[at + 1]; };
const flag = name => process.argv.includes('--' + name);

const port = Number(option('port', 8898)), live = Number(option('live', 8)), dist = option('dist', join(here, '../dist'));
const data = new Data(join(here, 'calls.ndjson'), { count: flag('empty') ? 0 : Number(option('calls', 20000)), now: Date.now(), spread: Number(option('spread', 0)) });
for (let i = 0; i < Math.min(data.count, 60000); i++) data.record(i);
const protocols = existsSync(join(here, 'protocols.json')) ? JSON.parse(readFileSync(join(here, 'protocols.json'), 'utf8')) : guessProtocols();

function guessProtocols() {
  const found = new Map();
  for (const call of data.templates) {
    if (!found.has(call.protocol)) found.set(call.protocol, new Map());
    for (const half of [call.request, call.response]) for (const [key, value] of Object.entries(half?.fields ?? {})) found.get(call.protocol).set(key, typeof value);
  }
  return { protocols: [...found].map(([name, fields]) => ({ name, about: name, fields: [...fields].map(([field, type]) => ({ name: field, type, about: '' })) })) };
}

const cache = new Map();
/** The calls of a span that match, oldest first; the last few answers are kept. */
function select(where = '', from, to) {
  const condition = compile(where, data.names);
  const first = from ? data.at(Date.parse(from)) : 0, last = to ? data.at(Date.parse(to)) : data.count;
  if (condition.all) return { length: Math.max(0, last - first), get: i => first + i };
  const key = `${where}|${first}|${last}`;
  if (cache.has(key)) return cache.get(key);
  const found = [], memo = new Map();
  for (let i = first; i < last; i++) {
    const record = data.record(i);
    if (condition.slow) { record.duration = record.duration_ns = record.elapsed = data.durationNs(i); record.time = record.timestamp = data.time[i] * 1e6; if (condition.test(record)) found.push(i); continue; }
    let hit = memo.get(record);
    if (hit === undefined) memo.set(record, (hit = Boolean(condition.test(record))));
    if (hit) found.push(i);
  }
  const answer = { length: found.length, get: i => found[i] };
  cache.set(key, answer);
  if (cache.size > 24) cache.delete(cache.keys().next().value);
  return answer;
}

const result = i => data.templates[data.tpl[i]].status?.result ?? 'unknown';
const quote = value => (typeof value === 'number' ? String(value) : JSON.stringify(String(value)));
const span = (query, chosen) => ({
  from: query.from ? Date.parse(query.from) : chosen.length ? data.time[chosen.get(0)] : Date.now() - 60_000,
  to: query.to ? Date.parse(query.to) : chosen.length ? data.time[chosen.get(chosen.length - 1)] + 1 : Date.now(),
});
const percentile = (sorted, share) => (sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] : null);

function measures(members, show, seconds) {
  let sorted = null;
  const durations = () => sorted ??= Float64Array.from(members.map(i => data.durationNs(i)).filter(d => d !== undefined)).sort();
  const errors = () => members.reduce((sum, i) => sum + (result(i) === 'error'), 0);
  return show.map(what => {
    if (what === 'count') return members.length;
    if (what === 'errors') return errors();
    if (what === 'error_rate') return members.length ? errors() / members.length : 0;
    if (what === 'rate') return members.length / Math.max(seconds, 1e-3);
    if (/^p\d+$/.test(what)) return percentile(durations(), Number(what.slice(1)) / 100);
    if (what === 'max') return percentile(durations(), 1);
    if (what === 'bytes') return members.reduce((sum, i) => { const call = data.templates[data.tpl[i]]; return sum + (call.request?.size ?? 0) + (call.response?.size ?? 0); }, 0);
    throw new Fault(`there is no measure "${what}"`, 0, what.length);
  });
}

const routes = {
  'calls': query => {
    const chosen = select(query.where, query.from, query.to), limit = Math.min(Number(query.limit ?? 100), 1000), up = query.order === 'asc';
    // A cursor is a call's place in the log, so that live calls don't move it.
    let position;
    if (query.cursor) { let low = 0, high = chosen.length; const mark = Number(query.cursor); while (low < high) { const mid = (low + high) >> 1; if (chosen.get(mid) < mark + (up ? 1 : 0)) low = mid + 1; else high = mid; } position = up ? low : low - 1; }
    else position = up ? 0 : chosen.length - 1;
    const calls = [];
    let place = -1;
    for (; calls.length < limit && position >= 0 && position < chosen.length; position += up ? 1 : -1) { place = chosen.get(position); calls.push(query.select === 'whole' ? data.whole(place) : data.summary(place)); }
    const { from, to } = span(query, chosen);
    return { calls, next: position >= 0 && position < chosen.length ? String(place) : null, searched: { from: iso(from), to: iso(to), complete: !flag('nodes'), missing: flag('nodes') ? [{ node: 'node-b', why: 'not connected' }] : [] } };
  },
  'histogram': query => {
    const chosen = select(query.where, query.from, query.to), { from, to } = span(query, chosen), buckets = Math.min(Number(query.buckets ?? 120), 5000);
    const width = Math.max((to - from) / buckets, 1e-3), series = { ok: Array(buckets).fill(0), error: Array(buckets).fill(0), unknown: Array(buckets).fill(0) };
    for (let i = 0; i < chosen.length; i++) { const call = chosen.get(i); series[result(call)][Math.min(buckets - 1, Math.max(0, Math.floor((data.time[call] - from) / width)))]++; }
    return { from: iso(from), to: iso(to), bucket_ns: Math.round(width * 1e6), series };
  },
  'heatmap': query => {
    const chosen = select(query.where, query.from, query.to), { from, to } = span(query, chosen), buckets = Math.min(Number(query.buckets ?? 60), 500), width = Math.max((to - from) / buckets, 1e-3);
    const all = [0];
    for (let ns = 1000; ns < 1e13; ns *= 10) all.push(ns, 3 * ns);
    const counts = all.map(() => Array(buckets).fill(0));
    for (let i = 0; i < chosen.length; i++) { const call = chosen.get(i), ns = data.durationNs(call); if (ns !== undefined) counts[all.findLastIndex(step => step <= ns)][Math.min(buckets - 1, Math.max(0, Math.floor((data.time[call] - from) / width)))]++; }
    const some = counts.map(row => row.some(Boolean)), first = some.indexOf(true), last = some.lastIndexOf(true) + 1;
    return { from: iso(from), to: iso(to), bucket_ns: Math.round(width * 1e6), steps: first < 0 ? [] : all.slice(first, last), counts: first < 0 ? [] : counts.slice(first, last) };
  },
  'facets': query => {
    const chosen = select(query.where, query.from, query.to), limit = Number(query.limit ?? 20), facets = {};
    const of = (query.of ?? 'namespace,workload,protocol,status,endpoint').split(',');
    const counts = Object.fromEntries(of.map(facet => [facet, new Map()]));
    const each = new Map();
    for (let i = 0; i < chosen.length; i++) { const record = data.record(chosen.get(i)); each.set(record, (each.get(record) ?? 0) + 1); }
    const place = { namespace: r => [r['src.namespace'], r['dst.namespace']], workload: r => [r['src.workload.name'], r['dst.workload.name']], protocol: r => [r.protocol], 'status.result': r => [r['status.result'] ?? 'unknown'], status: r => [r['status.code']], endpoint: r => [r.endpoint] };
    for (const [record, count] of each) for (const facet of of) for (const value of new Set((place[facet] ?? (r => [r[facet]]))(record))) if (value != null) counts[facet].set(value, (counts[facet].get(value) ?? 0) + count);
    const where = { namespace: v => `(src.namespace == ${quote(v)} || dst.namespace == ${quote(v)})`, workload: v => `(src.workload.name == ${quote(v)} || dst.workload.name == ${quote(v)})`, status: v => `status.code == ${quote(v)}` };
    for (const facet of of) facets[facet] = [...counts[facet]].sort((a, b) => b[1] - a[1]).slice(0, limit).map(([value, count]) => ({ value, count, where: (where[facet] ?? (v => `${facet} == ${quote(v)}`))(value) }));
    return { facets };
  },
  'aggregate': query => {
    const chosen = select(query.where, query.from, query.to), { from, to } = span(query, chosen);
    const by = (query.by ?? '').split(',').filter(Boolean), show = (query.show ?? 'count').split(','), limit = Number(query.limit ?? 1000);
    const units = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3600_000 };
    const over = query.over ? Number.parseFloat(query.over) * units[query.over.replace(/[\d.]/g, '')] : 0;
    const groups = new Map();
    for (let n = 0; n < chosen.length; n++) {
      const i = chosen.get(n), record = data.record(i);
      const bucket = over ? Math.floor(data.time[i] / over) * over : 0;
      const key = bucket + '\u0000' + by.map(field => record[field] ?? '').join('\u0000');
      let group = groups.get(key);
      if (!group) groups.set(key, (group = { bucket, values: by.map(field => record[field] ?? null), members: [] }));
      group.members.push(i);
    }
    const seconds = over ? over / 1000 : (to - from) / 1000;
    let rows = [...groups.values()];
    rows.sort(over ? (a, b) => a.bucket - b.bucket : (a, b) => b.members.length - a.members.length);
    const truncated = rows.length > limit;
    rows = rows.slice(0, limit).map(group => [...(over ? [iso(group.bucket)] : []), ...group.values, ...measures(group.members, show, seconds)]);
    const unit = what => (/^p\d+$|^max$/.test(what) ? 'ns' : what === 'bytes' ? 'By' : what === 'rate' ? '1/s' : what === 'error_rate' ? '1' : undefined);
    return { columns: [...(over ? [{ name: 'time' }] : []), ...by.map(field => ({ name: field })), ...show.map(what => ({ name: what, unit: unit(what) }))], rows, truncated };
  },
  'map': query => {
    const chosen = select(query.where, query.from, query.to), { from, to } = span(query, chosen), seconds = Math.max(1, (to - from) / 1000);
    const nodes = new Map(), edges = new Map();
    const node = party => {
      const id = party.workload ? `${party.namespace}/${party.workload.kind}/${party.workload.name}` : party.name ?? party.ip;
      if (!nodes.has(id)) nodes.set(id, { id, name: party.workload?.name ?? party.name ?? party.ip, kind: party.workload?.kind ?? 'External', namespace: party.namespace ?? null, calls: 0, errors: 0 });
      return nodes.get(id);
    };
    for (let n = 0; n < chosen.length; n++) {
      const i = chosen.get(n), [src, dst] = data.parties(data.tpl[i], data.rep[i]), a = node(src), b = node(dst), protocol = data.templates[data.tpl[i]].protocol;
      b.calls++; if (result(i) === 'error') b.errors++;
      const key = `${a.id} ${b.id} ${protocol}`;
      if (!edges.has(key)) edges.set(key, { from: a.id, to: b.id, protocol, members: [] });
      edges.get(key).members.push(i);
    }
    return { nodes: [...nodes.values()], edges: [...edges.values()].map(({ members, ...edge }) => { const [calls, errors, p50_ns, p99_ns] = measures(members, ['count', 'errors', 'p50', 'p99'], seconds); return { ...edge, calls, errors, rate: calls / seconds, error_rate: errors / calls, p50_ns, p99_ns }; }) };
  },
  'fields': () => ({
    fields: [...data.names].map(([name, type]) => ({ name, type, about: ABOUT[name] ?? '' })),
    functions: [['contains', 'text.contains(part)', 'part is in text'], ['startsWith', 'text.startsWith(part)', 'text begins with part'], ['matches', 'text.matches(regex)', 'a regular expression is found in text'], ['duration', 'duration("250ms")', 'a span of time'], ['now', 'now()', 'the time of asking'], ['has', 'has(field)', 'the field is there'], ['size', 'size(value)', 'the length of a text or list']].map(([name, signature, about]) => ({ name, signature, about })),
  }),
  'complete': query => {
    const text = query.text ?? '', at = Number(query.at ?? text.length), before = text.slice(0, at);
    const value = /([A-Za-z_][\w.]*)\s*(?:==|!=)\s*("?)([^"]*)$/.exec(before);
    if (value && data.names.has(value[1])) {
      const seen = new Map();
      for (const record of data.records.values()) { const found = record[value[1]]; if (found !== undefined && typeof found !== 'object') seen.set(found, (seen.get(found) ?? 0) + 1); }
      const candidates = [...seen].sort((a, b) => b[1] - a[1]).map(([v]) => v).filter(v => String(v).toLowerCase().includes(value[3].toLowerCase())).slice(0, 30);
      return { from: at - value[3].length - value[2].length, candidates: candidates.map(v => ({ text: quote(v), kind: 'value', about: 'seen' })) };
    }
    const word = /[A-Za-z_][\w.]*$/.exec(before)?.[0] ?? '';
    const fields = [...data.names.keys()].filter(field => field.includes(word)).sort((a, b) => (b.startsWith(word) - a.startsWith(word)) || a.length - b.length).slice(0, 40);
    const functions = routes.fields().functions.filter(f => f.name.startsWith(word));
    return { from: at - word.length, candidates: [...fields.map(field => ({ text: field, kind: 'field', about: ABOUT[field] ?? data.names.get(field) })), ...functions.map(f => ({ text: f.name + '(', kind: 'function', about: f.about }))] };
  },
  'check': query => { compile(query.where ?? '', data.names); return { ok: true }; },
  'protocols': () => protocols,
  'health': () => health(),
};

const ABOUT = {
  protocol: 'what is spoken', method: 'what is asked for', endpoint: 'what it is asked of', 'status.code': "the protocol's own code", 'status.result': 'ok, error or unknown',
  'dst.workload.name': 'who was asked', 'src.workload.name': 'who asked', duration: 'from the first byte of the request to the last of the response', pairing: 'matched, unanswered, orphan, one-way',
};

function health() {
  const calls = new Map();
  for (let i = Math.max(0, data.count - 20000); i < data.count; i++) { const p = data.templates[data.tpl[i]].protocol; calls.set(p, (calls.get(p) ?? 0) + 1); }
  return {
    sources: [
      { id: '1', kind: 'interface', name: 'eth0', state: 'reading', bytes_read: 96_112_402_113, bytes_total: null, calls: data.count, message: '', warnings: [], facts: { packets: 184_202_113, wire_bytes: 96_112_402_113, flows: 412_118, unknown_flows: 245 }, counts: flag('loss') ? [{ name: 'kernel_drops', words: 'packets that the kernel dropped because they were not read in time', count: 1843, loss: true }] : [] },
      { id: '2', kind: 'file', name: 'shop.pcapng.zst', state: 'done', bytes_read: 181_332, bytes_total: 181_332, calls: 312, message: '', warnings: [], facts: { packets: 812, wire_bytes: 181_332, flows: 96, unknown_flows: 0 }, counts: [] },
    ],
    nodes: flag('nodes') ? [{ name: 'node-a', connected: true, version: '0.1.0', calls: data.count }, { name: 'node-b', connected: false, version: '0.1.0', calls: 7_120 }] : [],
    calls: data.count, oldest: data.count ? iso(data.time[0]) : null, newest: data.count ? iso(data.time[data.count - 1]) : null, rates: { calls_per_s: live },
    losses: [
      ...(flag('loss') ? [{ name: 'kernel_drops', count: 1843, words: 'packets that the kernel dropped because they were not read in time' }] : []),
      { name: 'stream_budget', count: 12, words: 'connections given up because the memory for conversations was full' },
    ],
    noticed: [{ name: 'captured_twice', words: 'datagrams captured twice', count: 2 }],
    unread: [{ source: 'eth0', what: 'connections in no known protocol', flows: 31, bytes: 2_113_400 }],
    protocols: [...calls].map(([protocol, count]) => ({ protocol, flows: Math.ceil(count / 9), matched: count, unanswered: protocol === 'http' ? 3 : 0, orphan: 0, one_way: 0 })),
    tail: { readers: tails.size, missed: 0 },
    store: { calls: data.count, calls_in_memory: 0, memory_bytes: 0, files: 12, file_bytes: data.count * 410, log_bytes: 0, bytes_max: 2 ** 30 },
    version: '0.1.0',
  };
}

function packets(i) {
  const call = data.whole(i), out = [];
  const layer = (from, to, len) => [
    { name: 'Ethernet', summary: '02:42:0a:00:00:01 → 02:42:0a:00:00:02', fields: [['Type', 'IPv4 (0x0800)']] },
    { name: 'IPv4', summary: `${from.ip} → ${to.ip}`, fields: [['Time to live', '64'], ['Protocol', call.transport ?? 'tcp'], ['Total length', String(len)]] },
    { name: (call.transport ?? 'tcp').toUpperCase(), summary: `${from.port} → ${to.port}`, fields: [['Sequence', '1'], ['Acknowledged', '1'], ['Flags', 'PSH, ACK'], ['Window', '64240']] },
  ];
  for (const [side, half, from, to] of [['src', call.request, call.src, call.dst], ['dst', call.response, call.dst, call.src]]) {
    if (!half) continue;
    const head = half.headers ? half.headers.map(([k, v]) => `${k}: ${v}`).join('\r\n') : JSON.stringify(half.fields);
    const bytes = Buffer.from('4500003c1c4640004006b1e6ac100a63ac100a0c', 'hex');
    const all = Buffer.concat([bytes, Buffer.from(head + '\r\n\r\n' + (half.body?.text ?? ''))]).subarray(0, 1460);
    for (let n = half.frames[0]; n <= Math.min(half.frames[1], half.frames[0] + 40); n++) out.push({ number: n, time: iso(Date.parse(call.time) + half.first_ns / 1e6), from: side, length: all.length + 14, layers: [...layer(from, to, all.length), { name: call.protocol, summary: `${call.method ?? ''} ${call.endpoint ?? ''}`, fields: Object.entries(half.fields ?? {}).slice(0, 6).map(([k, v]) => [k, String(v).slice(0, 120)]) }], hex: all.toString('hex') });
  }
  return { packets: out };
}

function stream(name) {
  const members = [];
  const match = /^(.*)-(\d+)-([^-]+)$/.exec(name);
  if (match) for (let i = 0; i < data.count && members.length < 500; i++) if (data.rep[i] === Number(match[2]) && data.stream(i) === name) members.push(i);
  if (!members.length) return null;
  const calls = members.map(i => data.summary(i)), last = members.at(-1);
  return { stream: name, transport: data.templates[data.tpl[last]].transport, src: calls[0].src, dst: calls[0].dst, first: calls[0].time, last: iso(data.time[last] + (data.durationNs(last) ?? 0) / 1e6), state: 'closed', rtt_ns: 412_000, retransmissions: { src: 0, dst: 2 }, bytes: { src: calls.reduce((s, c) => s + (c.request?.size ?? 0), 0), dst: calls.reduce((s, c) => s + (c.response?.size ?? 0), 0) }, packets: { src: calls.length * 3, dst: calls.length * 3 }, calls };
}

const imports = new Map();

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.json': 'application/json' };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost'), path = url.pathname, query = Object.fromEntries(url.searchParams);
  const json = (value, status = 200) => { response.writeHead(status, { 'content-type': 'application/json' }); response.end(JSON.stringify(value)); };
  const absent = what => json({ error: { message: `there is no ${what}` } }, 404);
  try {
    if (!path.startsWith('/api/v1/')) return file(path, response);
    const parts = path.slice('/api/v1/'.length).split('/').map(decodeURIComponent);
    if (parts.length === 1 && routes[parts[0]]) return json(routes[parts[0]](query));
    if (parts[0] === 'tail') return tail(query, request, response);
    if (parts[0] === 'calls') {
      const i = data.find(parts[1]);
      if (i < 0) return absent('such call; it may have been removed to keep the store within its limits');
      const call = data.whole(i);
      if (!parts[2]) return json(call);
      if (parts[2] === 'packets') return json(packets(i));
      if (parts[2] === 'curl') { response.writeHead(200, { 'content-type': 'text/plain' }); return response.end(`curl -X ${call.method} '${call.request?.fields?.['url.full'] ?? call.endpoint}'` + (call.request?.headers ?? []).map(([k, v]) => ` \\\n  -H '${k}: ${v}'`).join('')); }
      if (parts[2] === 'har') return json({ log: { version: '1.2', creator: { name: 'callscope', version: '0.1.0' }, entries: [] } });
      if (parts[2] === 'pcap') { response.writeHead(200, { 'content-type': 'application/x-pcapng' }); return response.end(Buffer.from('0a0d0d0a', 'hex')); }
      if (parts[2] === 'body') { const body = call[parts[3]]?.body; if (!body) return absent('body'); response.writeHead(200, { 'content-type': body.media_type ?? 'application/octet-stream' }); return response.end(body.text ?? Buffer.from(body.base64 ?? '', 'base64')); }
    }
    if (parts[0] === 'streams') { const found = stream(parts[1]); return found ? json(found) : absent('such connection'); }
    if (parts[0] === 'import' && request.method === 'POST') {
      const chunks = []; request.on('data', chunk => chunks.push(chunk));
      request.on('end', () => { const body = Buffer.concat(chunks), id = 'i' + (imports.size + 1), good = ['d4c3b2a1', 'a1b2c3d4', '4d3cb2a1', '0a0d0d0a', '28b52ffd'].includes(body.subarray(0, 4).toString('hex')); imports.set(id, { at: Date.now(), total: body.length, good, name: query.name }); json({ import: id }); });
      return;
    }
    if (parts[0] === 'imports') {
      const job = imports.get(parts[1]);
      if (!job) return absent('such import');
      const share = Math.min(1, (Date.now() - job.at) / 1200);
      if (!job.good) return json({ state: 'failed', bytes_read: 0, bytes_total: job.total, calls: 0, message: `${job.name ?? 'the file'} is not a capture: it begins with none of the marks of pcap or pcapng` });
      return json({ state: share < 1 ? 'reading' : 'done', bytes_read: Math.round(job.total * share), bytes_total: job.total, calls: Math.round(312 * share), message: share < 1 ? '' : '312 calls in 812 packets' });
    }
    if (parts[0] === 'export') { response.writeHead(200, { 'content-type': 'application/x-ndjson', 'content-disposition': `attachment; filename="calls.${query.format}"` }); const chosen = select(query.where, query.from, query.to); for (let i = 0; i < Math.min(chosen.length, 1000); i++) response.write(JSON.stringify(data.whole(chosen.get(i))) + '\n'); return response.end(); }
    absent(`"${path}"`);
  } catch (fault) {
    if (fault instanceof Fault) return json({ error: { message: fault.message, at: fault.at, hint: fault.hint } }, 400);
    console.error(fault); json({ error: { message: String(fault) } }, 500);
  }
});

function file(path, response) {
  let target = normalize(join(dist, path));
  if (!target.startsWith(normalize(dist)) || !existsSync(target) || statSync(target).isDirectory()) target = join(dist, 'index.html');
  if (!existsSync(target)) { response.writeHead(404); return response.end('ui/dist is not built: npm run build'); }
  response.writeHead(200, { 'content-type': TYPES[extname(target)] ?? 'application/octet-stream', 'content-security-policy': POLICY, 'cache-control': target.endsWith('.html') ? 'no-cache' : 'max-age=31536000, immutable' });
  response.end(readFileSync(target));
}

const tails = new Set();
function tail(query, request, response) {
  const condition = compile(query.where ?? '', data.names);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': here\n\n');
  const listener = { response, condition };
  tails.add(listener);
  request.on('close', () => tails.delete(listener));
  if (flag('loss')) setTimeout(() => { response.write('event: missed\ndata: {"count":1234}\n\n'); response.write(`event: health\ndata: ${JSON.stringify({ losses: health().losses })}\n\n`); }, 1500);
}

// Live calls: whole streams, one after the other, at the asked rate.
let owed = 0, feed = [], replica = 1e6;
if (live > 0) setInterval(() => {
  owed += live / 10;
  for (; owed >= 1; owed--) {
    if (!feed.length) { const { members } = data.streams[Math.floor(Math.random() * data.streams.length)]; replica++; feed = members.slice(0, 40); }
    const i = data.push(feed.shift(), replica, Date.now() + Math.random());
    const record = data.record(i);
    let text = null;
    for (const { response, condition } of tails) {
      if (condition.slow) record.duration = record.duration_ns = data.durationNs(i);
      if (condition.test(record)) response.write(text ??= `event: call\ndata: ${JSON.stringify(data.summary(i))}\n\n`);
    }
  }
}, 100);

server.listen(port, '127.0.0.1', () => console.log(`${data.count} calls at http://127.0.0.1:${port}/`));
