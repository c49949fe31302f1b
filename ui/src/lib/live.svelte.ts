// The live tail: calls as they are finished, what was missed, and what the server lost.

import { follow, ApiError } from './api';
import type { Call } from './types';

export interface Loss { name: string; count: number; words: string; next?: string }

export class Live {
  state = $state<'off' | 'joining' | 'on' | 'broken'>('off');
  missed = $state(0);
  /** All that was lost, also before we looked. */
  losses = $state.raw<Loss[]>([]);
  /** What was lost while we looked: counts since then. */
  fresh = $state.raw<Loss[]>([]);
  /** Calls a second, over the last few seconds. */
  rate = $state(0);

  private stop: AbortController | null = null;
  private before: Map<string, number> | null = null;
  private batch: Call[] = [];
  private counts: number[] = [];
  private timer = 0;

  constructor(private readonly hear: (calls: Call[]) => void) {}

  open(where: string): void {
    this.close();
    this.state = 'joining';
    this.missed = 0;
    const stop = (this.stop = new AbortController());
    this.timer = window.setInterval(() => this.flush(), 200);
    void this.run(where, stop);
  }

  close(): void {
    this.stop?.abort();
    this.stop = null;
    clearInterval(this.timer);
    this.batch = [];
    this.counts = [];
    this.rate = 0;
    this.state = 'off';
  }

  private async run(where: string, stop: AbortController): Promise<void> {
    for (let wait = 500; !stop.signal.aborted; wait = Math.min(wait * 2, 15_000)) {
      try {
        const joined = performance.now();
        this.state = 'on';
        await follow(where, stop.signal, ({ event, data }) => {
          if (event === 'call') this.batch.push(JSON.parse(data) as Call);
          else if (event === 'missed') this.missed += Number((JSON.parse(data) as { count: number }).count) || 0;
          else if (event === 'health') this.lose(lossesOf(JSON.parse(data)));
          if (performance.now() - joined > 5000) wait = 500;
        });
      } catch (fault) {
        if (stop.signal.aborted) return;
        this.state = 'broken';
        // A query that is wrong stays wrong.
        if (fault instanceof ApiError && fault.status >= 400 && fault.status < 500) return;
      }
      await new Promise(resolve => setTimeout(resolve, wait));
    }
  }

  private lose(losses: Loss[]): void {
    this.losses = losses;
    this.before ??= new Map(losses.map(({ name, count }) => [name, count]));
    this.fresh = losses.map(loss => ({ ...loss, count: loss.count - (this.before!.get(loss.name) ?? 0) })).filter(loss => loss.count > 0);
  }

  /** The notice of losses was read. */
  seen(): void {
    this.missed = 0;
    this.before = new Map(this.losses.map(({ name, count }) => [name, count]));
    this.fresh = [];
  }

  private flush(): void {
    this.counts.push(this.batch.length);
    if (this.counts.length > 15) this.counts.shift();
    this.rate = this.counts.reduce((sum, count) => sum + count, 0) / (this.counts.length * 0.2);
    if (!this.batch.length) return;
    const calls = this.batch;
    this.batch = [];
    this.hear(calls);
  }
}

/** Losses in whatever shape they come: a list of objects, or names with counts. */
export function lossesOf(value: unknown): Loss[] {
  const inner = value && typeof value === 'object' && 'losses' in value ? (value as { losses: unknown }).losses : value;
  const list = Array.isArray(inner) ? inner : Object.entries((inner ?? {}) as object).map(([name, count]) => ({ name, count }));
  return list
    .map((loss: Record<string, unknown>) => ({
      name: String(loss['name'] ?? ''), count: Number(loss['count'] ?? 0), next: loss['next'] ? String(loss['next']) : undefined,
      words: String(loss['words'] ?? loss['about'] ?? loss['message'] ?? String(loss['name'] ?? '').replaceAll('_', ' ')),
    }))
    .filter(loss => loss.count > 0);
}
