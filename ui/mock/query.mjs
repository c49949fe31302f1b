// A small part of the query language, enough for the dashboard's tests: text to a function of a record.

export class Fault extends Error {
  constructor(message, from, to, hint) { super(message); this.at = [from, Math.max(to, from + 1)]; this.hint = hint; }
}

const TOKEN = /\s+|(?<num>\d+(?:\.\d+)?)|(?<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<name>[A-Za-z_][\w]*(?:\.[A-Za-z_][\w]*)*)|(?<op>&&|\|\||==|!=|<=|>=|[<>!()[\],+\-*/?:.])/gy;

function tokens(text) {
  const list = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex, match = TOKEN.exec(text);
    if (!match) throw new Fault(/["']/.test(text[at]) ? 'this text has no end' : `"${text[at]}" means nothing here`, at, text.length);
    const kind = Object.keys(match.groups).find(key => match.groups[key] !== undefined);
    if (kind) list.push({ kind, text: match[0], from: at, to: at + match[0].length });
  }
  list.push({ kind: 'end', text: '', from: text.length, to: text.length });
  return list;
}

const UNITS = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, d: 86400e9 };
function span(text, token) {
  let sum = 0, rest = text;
  for (let match; (match = /^(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)/.exec(rest)); rest = rest.slice(match[0].length)) sum += match[1] * UNITS[match[2]];
  if (rest || !text) throw new Fault(`"${text}" is no duration`, token.from, token.to, 'durations look like 250ms, 1.5s, 2m');
  return sum;
}

function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length];
}

const METHODS = {
  contains: (value, part) => String(value ?? '').includes(part), startsWith: (value, part) => String(value ?? '').startsWith(part),
  endsWith: (value, part) => String(value ?? '').endsWith(part), matches: (value, part) => new RegExp(part).test(String(value ?? '')),
  lowerAscii: value => String(value ?? '').toLowerCase(), size: value => value?.length ?? 0,
};

/** `text` as `{ test(record), slow }`: slow if it looks at time or duration. `names`: Map of name → type. */
export function compile(text, names, now = Date.now()) {
  const list = tokens(text);
  let at = 0, slow = false;
  const peek = () => list[at], take = () => list[at++];
  const expect = what => { const token = take(); if (token.text !== what) throw new Fault(`"${what}" is missing here`, token.from, token.to); };

  const LEVELS = [['||'], ['&&'], ['==', '!=', '<', '<=', '>', '>=', 'in'], ['+', '-'], ['*', '/']];
  const APPLY = {
    '||': (a, b) => r => a(r) || b(r), '&&': (a, b) => r => a(r) && b(r),
    '==': (a, b) => r => same(a(r), b(r)), '!=': (a, b) => r => !same(a(r), b(r)),
    '<': (a, b) => r => order(a(r), b(r)) < 0, '<=': (a, b) => r => order(a(r), b(r)) <= 0,
    '>': (a, b) => r => order(a(r), b(r)) > 0, '>=': (a, b) => r => order(a(r), b(r)) >= 0,
    in: (a, b) => r => { const set = b(r); return Array.isArray(set) ? set.includes(a(r)) : set != null && typeof set === 'object' && a(r) in set; },
    '+': (a, b) => r => a(r) + b(r), '-': (a, b) => r => a(r) - b(r), '*': (a, b) => r => a(r) * b(r), '/': (a, b) => r => a(r) / b(r),
  };
  const same = (a, b) => a === b || (typeof a !== typeof b && a != null && b != null && String(a) === String(b));
  const order = (a, b) => (a == null || b == null ? NaN : typeof a === 'number' || typeof b === 'number' ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0);

  function binary(level) {
    if (level === LEVELS.length) return unary();
    let left = binary(level + 1);
    while (LEVELS[level].includes(peek().text) && peek().kind !== 'text') { const op = take().text; left = APPLY[op](left, binary(level + 1)); }
    return left;
  }
  function unary() {
    if (peek().text === '!') { take(); const inner = unary(); return r => !inner(r); }
    if (peek().text === '-') { take(); const inner = unary(); return r => -inner(r); }
    return postfix();
  }
  function args() { const found = []; while (peek().text !== ')') { found.push(binary(0)); if (peek().text === ',') take(); else break; } expect(')'); return found; }
  function postfix() {
    let value = primary();
    for (;;) {
      if (peek().text === '[') { take(); const key = binary(0); expect(']'); const inner = value; value = r => inner(r)?.[key(r)]; }
      else return value;
    }
  }
  function primary() {
    const token = take();
    if (token.kind === 'num') { const value = Number(token.text); return () => value; }
    if (token.kind === 'text') { const value = JSON.parse('"' + token.text.slice(1, -1).replace(/\\'/g, "'").replace(/^'|'$/g, '') + '"'); return () => value; }
    if (token.text === '(') { const inner = binary(0); expect(')'); return inner; }
    if (token.text === '[') { const items = []; while (peek().text !== ']' && peek().kind !== 'end') { items.push(binary(0)); if (peek().text === ',') take(); } expect(']'); return r => items.map(item => item(r)); }
    if (token.kind === 'name') return named(token);
    if (token.kind === 'end') throw new Fault('something is missing here', token.from, token.to);
    throw new Fault(`"${token.text}" is not expected here`, token.from, token.to);
  }
  function named(token) {
    const name = token.text;
    if (name === 'true' || name === 'false') return () => name === 'true';
    if (peek().text === '(') {
      take();
      if (name === 'now') { expect(')'); slow = true; return () => now * 1e6; }
      if (name === 'duration') { const literal = peek(); const [arg] = args(); const value = span(String(arg()), literal); return () => value; }
      if (name === 'timestamp') { const [arg] = args(); return () => Date.parse(arg()) * 1e6; }
      if (name === 'has') { const [arg] = args(); return r => arg(r) !== undefined; }
      if (name === 'size') { const [arg] = args(); return r => arg(r)?.length ?? 0; }
      const dot = name.lastIndexOf('.'), method = name.slice(dot + 1);
      if (dot > 0 && METHODS[method]) { const field = known({ ...token, text: name.slice(0, dot), to: token.from + dot }); const found = args(); return r => METHODS[method](field(r), ...found.map(arg => arg(r))); }
      throw new Fault(`there is no function "${method}"`, token.from + dot + 1, token.to);
    }
    return known(token);
  }
  function known(token) {
    const name = token.text;
    if (name === 'time' || name === 'timestamp' || name === 'duration' || name === 'duration_ns' || name === 'elapsed') slow = true;
    if (names.has(name)) return r => r[name];
    let nearest = null, least = 4;
    for (const other of names.keys()) { const far = distance(name, other); if (far < least) { least = far; nearest = other; } }
    throw new Fault(`there is no field "${name}"`, token.from, token.to, nearest ? `did you mean "${nearest}"?` : undefined);
  }

  if (!text.trim()) return { test: () => true, slow: false, all: true };
  const test = binary(0);
  if (peek().kind !== 'end') throw new Fault(`"${peek().text}" is not expected here`, peek().from, peek().to);
  return { test, slow };
}
