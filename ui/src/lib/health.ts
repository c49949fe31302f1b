// What /api/v1/health says, and what can be done about it.

export interface Count { name: string; words?: string; count: number; loss?: boolean; next?: string }
export interface Source {
  id?: string; name: string; kind?: string; state: string; message?: string; warnings?: string[];
  bytes_read?: number; bytes_total?: number | null; calls?: number;
  facts?: { packets?: number; wire_bytes?: number; flows?: number; unknown_flows?: number } | null;
  counts?: Count[];
}
export interface Unread { source?: string; workload?: string; what: string; flows?: number; bytes?: number; next?: string }
export interface Dissected { protocol: string; flows: number; matched: number; unanswered: number; orphan: number; one_way: number }
export interface Store { calls: number; calls_in_memory?: number; memory_bytes?: number; files?: number; file_bytes?: number; log_bytes?: number; bytes_max?: number; path?: string }
export interface Health {
  version?: string; sources: Source[]; calls: number; oldest?: string | null; newest?: string | null; rates?: { calls_per_s?: number };
  losses: Count[]; noticed?: Count[]; unread?: Unread[]; protocols?: Dissected[]; tail?: { readers: number; missed: number }; store?: Store;
}

// By what the counter is called: the server says what happened, this says what helps.
const ADVICE: [RegExp, string][] = [
  [/kernel|ring|drop/, 'Packets come faster than they are read: give it more CPU, narrow the capture with a filter, or capture on fewer interfaces.'],
  [/tail/, 'Nothing is missing from what is kept. A narrower query keeps up better.'],
  [/memory|budget|evict|given_up/, 'Memory for unfinished conversations was full: raise --memory.'],
  [/snap|cut/, 'Packets were cut when they were captured: capture with a larger snap length.'],
  [/otlp|span/, 'The collector did not answer or refused: see that it listens at the address given.'],
  [/refused|write|disk|sealed/, 'The store could not take them: see that its folder can be written and the disk has room.'],
  [/gap|skip|stray|broken|unpaired|missing/, 'Packets are missing from the capture itself: look for drops where it was taken, or for one of two paths not captured.'],
];
export const advice = (loss: Count): string => loss.next ?? ADVICE.find(([sign]) => sign.test(loss.name))?.[1] ?? '';

const sentence = (text: string): string => (text ? text[0]!.toUpperCase() + text.slice(1) : '');
/** What a counter counts, in words; without any, its name. */
export const words = (count: Count): string => sentence(count.words || count.name.replaceAll('_', ' '));

export const unreadAdvice = (unread: Unread): string => unread.next
  ?? (/protocol/.test(unread.what) ? 'A protocol that callscope does not read yet, or a conversation that began before the capture. See it in the packets; report the protocol if it should be read.' : '');

export const STATES: Record<string, string> = { waiting: 'Waiting', reading: 'Reading', done: 'Read', failed: 'Failed', capturing: 'Capturing' };
