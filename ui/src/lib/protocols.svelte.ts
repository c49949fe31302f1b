// A protocol's family, read from its table of declared fields: the dashboard knows no protocol by name.
// A family has a colour; which protocol it is always stands beside it in words.

import { ask } from './api';

export type Family = 'web' | 'rpc' | 'data' | 'message' | 'lookup' | 'security' | 'other';

interface Table { name: string; about?: string; fields?: { name: string }[] }

const SIGNS: [string, Family][] = [
  ['rpc.', 'rpc'], ['messaging.', 'message'], ['db.', 'data'], ['dns.', 'lookup'],
  ['tls.', 'security'], ['quic.', 'security'], ['http.', 'web'], ['url.', 'web'],
];

export function family(table: Table): Family {
  // The first declared fields say what a protocol is; later ones may tell of its carrier.
  const counts = new Map<Family, number>();
  for (const field of table.fields ?? []) {
    const sign = SIGNS.find(([prefix]) => field.name.startsWith(prefix));
    if (sign) counts.set(sign[1], (counts.get(sign[1]) ?? 0) + 1);
  }
  if (counts.has('rpc')) return 'rpc';
  if (counts.has('message')) return 'message';
  if (counts.has('data')) return 'data';
  if (counts.has('lookup')) return 'lookup';
  if (counts.has('security') && !counts.has('web')) return 'security';
  return counts.has('web') ? 'web' : (counts.keys().next().value ?? 'other');
}

class Protocols {
  families = $state.raw<Map<string, Family>>(new Map());
  abouts = $state.raw<Map<string, string>>(new Map());

  async load(): Promise<void> {
    const answer = await ask<{ protocols: Table[] } | Table[]>('protocols');
    const tables = Array.isArray(answer) ? answer : answer.protocols;
    this.families = new Map(tables.map(table => [table.name, family(table)]));
    this.abouts = new Map(tables.map(table => [table.name, table.about ?? '']));
  }

  of(name: string): Family { return this.families.get(name) ?? 'other'; }
}

export const protocols = new Protocols();
