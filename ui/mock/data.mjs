// The recordings' calls, played again and again over one hour: a call is a template, a replica and a time.

import { readFileSync } from 'node:fs';
import { name } from './cluster.mjs';

const noise = (a, b) => {
  let x = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  x ^= x >>> 15; x = Math.imul(x, 0x2c1b3c6d); x ^= x >>> 12; x = Math.imul(x, 0x297a2d39); x ^= x >>> 15;
  return (x >>> 0) / 4294967296;
};

export const iso = ms => {
  const whole = Math.floor(ms), ns = Math.round((ms - whole) * 1e6);
  return new Date(whole).toISOString().slice(0, -1) + String(ns).padStart(6, '0') + 'Z';
};

export class Data {
  /** `count` calls that end at `now`, spread over `span_ms`. */
  constructor(path, { count, now, spanMs = 3600_000, spread = 0 }) {
    const templates = readFileSync(path, 'utf8').split('\n').filter(Boolean).map(line => JSON.parse(line));
    this.spread = spread; this.names = new Map(); this.records = new Map();
    const streams = new Map();
    templates.forEach((call, index) => {
      const recording = /([\w-]+)\.pcap(ng)?\.zst$/.exec(call.source.name)[1];
      Object.defineProperty(call, 'recording', { value: recording });
      const key = recording + '#' + call.stream.split('.')[0];
      if (!streams.has(key)) streams.set(key, []);
      streams.get(key).push(index);
    });
    this.templates = templates;
    this.streams = [...streams.values()].map(members => {
      const first = Math.min(...members.map(i => Date.parse(templates[i].time)));
      // Long recordings are told faster, so that a stream fits its place.
      const last = Math.max(...members.map(i => Date.parse(templates[i].time)));
      const pace = last - first > 20_000 ? 20_000 / (last - first) : 1;
      return { members, offsets: members.map(i => (Date.parse(templates[i].time) - first) * pace + Number(templates[i].time.slice(23, 29)) / 1e6) };
    });
    this.fill(count, now, spanMs);
  }

  fill(count, now, spanMs) {
    const tpl = new Uint32Array(count), rep = new Uint32Array(count), time = new Float64Array(count);
    let n = 0;
    // Rare streams as well as crowded ones: long ones are taken less often.
    for (let replica = 0; n < count; replica++) {
      for (let s = 0; s < this.streams.length && n < count; s++) {
        const { members, offsets } = this.streams[s];
        if (noise(s, replica * 31) > Math.min(1, 24 / members.length)) continue;
        const place = noise(replica, s), wave = place + 0.035 * Math.sin(place * 25) + 0.02 * Math.sin(place * 61);
        const start = now - spanMs + Math.max(0, Math.min(1, wave)) * (spanMs - 21_000);
        for (let m = 0; m < members.length && n < count; m++, n++) { tpl[n] = members[m]; rep[n] = replica; time[n] = start + offsets[m]; }
      }
    }
    const order = new Uint32Array(count).map((_, i) => i).sort((a, b) => time[a] - time[b]);
    this.tpl = order.map(i => tpl[i]); this.rep = order.map(i => rep[i]); this.time = new Float64Array(count);
    order.forEach((from, to) => { this.time[to] = time[from]; });
    this.count = count;
  }

  /** Appends a live call. */
  push(template, replica, ms) {
    if (this.count === this.time.length) {
      const more = array => { const bigger = new array.constructor(Math.ceil(array.length * 1.5) + 1024); bigger.set(array); return bigger; };
      this.tpl = more(this.tpl); this.rep = more(this.rep); this.time = more(this.time);
    }
    this.tpl[this.count] = template; this.rep[this.count] = replica; this.time[this.count] = ms;
    return this.count++;
  }

  durationNs(i) {
    const base = this.templates[this.tpl[i]].duration_ns;
    if (base === undefined) return undefined;
    const luck = noise(this.tpl[i], this.rep[i] + 7);
    return Math.round(base * (0.5 + luck + (luck > 0.97 ? (luck - 0.97) * 400 : 0)));
  }

  /** Which of several workloads a replica plays: the same for a whole stream. */
  variant(template, replica) {
    return this.spread ? Math.floor(noise(replica, Number(this.templates[template].stream.split('.')[0])) * this.spread * 6) : Math.floor(noise(replica, 1) * 6);
  }

  parties(template, replica) {
    const call = this.templates[template];
    const variant = this.variant(template, replica);
    const serverIsDst = call.dst.port < 32768 || call.src.port >= 32768;
    return [name(call.recording, call.src, serverIsDst, variant, this.spread), name(call.recording, call.dst, !serverIsDst, variant, this.spread), variant];
  }

  id(i) { return `${this.rep[i].toString(36)}.${this.tpl[i].toString(36)}.${Math.round(this.time[i]).toString(36)}`; }
  find(id) {
    const [rep, tpl, ms] = id.split('.').map(part => parseInt(part, 36));
    for (let i = this.at(ms - 1); i < this.count && this.time[i] <= ms + 1; i++) if (this.tpl[i] === tpl && this.rep[i] === rep) return i;
    return -1;
  }
  /** The first call at or after `ms`. */
  at(ms) { let low = 0, high = this.count; while (low < high) { const mid = (low + high) >> 1; if (this.time[mid] < ms) low = mid + 1; else high = mid; } return low; }

  whole(i) {
    const call = this.templates[this.tpl[i]], [src, dst] = this.parties(this.tpl[i], this.rep[i]);
    const duration = this.durationNs(i), scale = duration && call.duration_ns ? duration / call.duration_ns : 1;
    const half = h => h && { ...h, first_ns: Math.round(h.first_ns * scale), last_ns: Math.round(h.last_ns * scale) };
    const out = { ...call, id: this.id(i), time: iso(this.time[i]), duration_ns: duration, src, dst, request: half(call.request), response: half(call.response), stream: this.stream(i) };
    for (const key of Object.keys(out)) if (out[key] === undefined) delete out[key];
    return out;
  }
  stream(i) { const call = this.templates[this.tpl[i]]; return `${call.recording}-${this.rep[i]}-${call.stream}`; }
  summary(i) {
    const { id, time, duration_ns, protocol, version, method, endpoint, status, src, dst, pairing, missing, stream, tls, state, source, request, response } = this.whole(i);
    return { id, time, duration_ns, protocol, version, method, endpoint, status, src, dst, pairing, missing, stream, tls, state, source, request: request && { size: request.size }, response: response && { size: response.size } };
  }

  /** A flat record of call `i` for conditions: shared by all replicas with the same parties. */
  record(i) {
    const template = this.tpl[i];
    const key = template * 4096 + this.variant(template, this.rep[i]);
    let record = this.records.get(key);
    if (!record) { const [src, dst] = this.parties(template, this.rep[i]); record = flat(this.templates[template], src, dst); this.records.set(key, record); for (const [field, value] of Object.entries(record)) if (!this.names.has(field)) this.names.set(field, Array.isArray(value) ? 'list' : typeof value === 'object' ? 'map' : typeof value); }
    return record;
  }
}

function flat(call, src, dst) {
  const record = Object.create(null);
  for (const protocol of ['http', 'redis', 'dns', 'grpc', 'kafka', 'postgresql', 'mysql']) record[protocol] = call.protocol === protocol;
  const put = (prefix, value) => { for (const [key, inner] of Object.entries(value)) { const path = prefix ? prefix + '.' + key : key; if (inner && typeof inner === 'object' && !Array.isArray(inner) && !/labels$/.test(path)) put(path, inner); else record[path] = inner; } };
  for (const key of ['protocol', 'version', 'method', 'endpoint', 'pairing', 'status', 'transport', 'source', 'missing', 'tls']) if (call[key] != null) { if (typeof call[key] === 'object') put(key, call[key]); else record[key] = call[key]; }
  put('src', src); put('dst', dst);
  for (const side of ['request', 'response']) {
    const half = call[side];
    if (!half) continue;
    Object.assign(record, half.fields);
    record[side + '.size'] = half.size;
    if (half.body?.text) record[side + '.body'] = half.body.text;
    if (half.headers) record[side + '.headers'] = Object.fromEntries(half.headers.map(([k, v]) => [k.toLowerCase(), v]));
  }
  record.status_code = Number(call.status?.code) || 0;
  record['missing.why'] = call.missing?.why;
  record.duration = undefined; record.duration_ns = undefined; record.time = undefined; record.timestamp = undefined;
  return record;
}
