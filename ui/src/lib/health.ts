// What /api/v1/health says.

export interface Count { name: string; words?: string; count: number; loss?: boolean; next?: string }
export interface Rates { packets_per_s: number; bytes_per_s: number; losses_per_s: number }
export interface Source {
  id?: string; name: string; live?: boolean; rates?: Rates; state: string; message?: string; warnings?: string[];
  bytes_read?: number; bytes_total?: number | null; calls?: number;
  facts?: { packets?: number; wire_bytes?: number; flows?: number; unknown_flows?: number } | null;
  counts?: Count[];
}
export interface Unread { source?: string; server?: string | null; namespace?: string | null; workload?: string | null; why: string; what: string; flows: number; bytes: number; next: string }
export interface Sink { name: string; to: string; sent: number; waiting: number; lost: number; fault: string | null }
export interface NodeFacts { name: string; connected: boolean; version: string; calls: number }
export interface Dissected { protocol: string; flows: number; matched: number; unanswered: number; orphan: number; one_way: number }
export interface Store { calls: number; calls_in_memory?: number; memory_bytes?: number; files?: number; file_bytes?: number; log_bytes?: number; bytes_max?: number; path?: string }
export interface Health {
  version?: string; sources: Source[]; nodes?: NodeFacts[]; calls: number; oldest?: string | null; newest?: string | null; rates?: Partial<Rates> & { calls_per_s?: number };
  losses: Count[]; noticed?: Count[]; unread?: Unread[]; sinks?: Sink[]; protocols?: Dissected[]; tail?: { readers: number; missed: number }; store?: Store;
}

export const sentence = (text: string): string => (text ? text[0]!.toUpperCase() + text.slice(1) : '');
/** What a counter counts, in words; without any, its name. */
export const words = (count: Count): string => sentence(count.words || count.name.replaceAll('_', ' '));

/** Who something unread was said by: a workload, else an address. */
export const nameOf = (unread: Unread): string => unread.workload ?? unread.server ?? 'all others';

export const STATES: Record<string, string> = { waiting: 'Waiting', reading: 'Reading', done: 'Read', failed: 'Failed' };
export const stateOf = (source: Source): string => (source.live && source.state === 'reading' ? 'Capturing' : (STATES[source.state] ?? source.state));
