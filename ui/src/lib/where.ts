// Puts conditions into a query and takes them out, without understanding them: only texts, brackets and && matter.

/** A value as the query language writes it. */
export function literal(value: string | number | boolean): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** `field == value`. */
export function equals(field: string, value: string | number | boolean): string {
  return `${field} == ${literal(value)}`;
}

/** The parts of `where` between operators `op` that stand outside of brackets and texts. */
export function split(where: string, op: '&&' | '||'): string[] {
  const parts: string[] = [];
  let depth = 0, from = 0, quote = '';
  for (let i = 0; i < where.length; i++) {
    const char = where[i]!;
    if (quote) {
      if (char === '\\') i++;
      else if (char === quote) quote = '';
    } else if (char === '"' || char === "'") quote = char;
    else if ('([{'.includes(char)) depth++;
    else if (')]}'.includes(char)) depth--;
    else if (depth === 0 && where.startsWith(op, i)) {
      parts.push(where.slice(from, i));
      from = i + 2;
      i++;
    }
  }
  parts.push(where.slice(from));
  return parts.map(part => part.trim()).filter(Boolean);
}

/** Without brackets around all of it, and with single spaces: for comparing. */
function plain(condition: string): string {
  let text = condition.trim();
  while (text.startsWith('(') && closes(text) === text.length - 1) text = text.slice(1, -1).trim();
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, quoted: string | undefined) => quoted ?? '');
}

/** Where the bracket that `text` begins with is closed. */
function closes(text: string): number {
  let depth = 0, quote = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quote) {
      if (char === '\\') i++;
      else if (char === quote) quote = '';
    } else if (char === '"' || char === "'") quote = char;
    else if (char === '(') depth++;
    else if (char === ')' && --depth === 0) return i;
  }
  return -1;
}

const same = (a: string, b: string) => plain(a) === plain(b);
const grouped = (condition: string) => (split(condition, '||').length > 1 ? `(${condition})` : condition);

/** The opposite: `a == b` becomes `a != b`, anything else `!(…)`. */
export function negate(condition: string): string {
  const text = plain(condition) === condition.trim() ? condition.trim() : condition.trim().replace(/^\((.*)\)$/s, '$1');
  const simple = split(text, '&&').length === 1 && split(text, '||').length === 1;
  if (simple) {
    const match = /^([\w.]+(?:\[[^\]]*\])?)\s*(==|!=)\s*([\s\S]+)$/.exec(text);
    if (match) return `${match[1]} ${match[2] === '==' ? '!=' : '=='} ${match[3]}`;
    if (text.startsWith('!(') && closes(text.slice(1)) === text.length - 2) return text.slice(2, -1);
  }
  return `!(${text})`;
}

export function has(where: string, condition: string): boolean {
  return split(where, '||').length <= 1 && split(where, '&&').some(part => same(part, condition));
}

/** `where` and `condition`; what says the opposite gives way. */
export function add(where: string, condition: string): string {
  if (!where.trim()) return grouped(condition);
  if (has(where, condition)) return where;
  const opposite = negate(condition);
  const kept = split(where, '||').length > 1 ? [`(${where.trim()})`] : split(where, '&&').filter(part => !same(part, opposite));
  return [...kept, grouped(condition)].join(' && ');
}

export function remove(where: string, condition: string): string {
  if (split(where, '||').length > 1) return where;
  return split(where, '&&').filter(part => !same(part, condition)).join(' && ');
}
