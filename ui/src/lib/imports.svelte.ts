// Captures that were handed to the server from this page: how far each is. They outlive a view.

import { ApiError, ask, upload } from './api';
import { toast } from './toast.svelte';

export type Phase = 'sending' | 'waiting' | 'reading' | 'done' | 'failed';
export interface Job { key: number; id: string; name: string; size: number; phase: Phase; sent: number; read: number; calls: number; message: string; hint: string }

interface Answer { state: 'waiting' | 'reading' | 'done' | 'failed'; bytes_read?: number; bytes_total?: number | null; calls?: number; message?: string; warnings?: string[] }

export const jobs = $state<Job[]>([]);
let next = 0;
/** One after the other: the server reads them in this order. */
let line: Promise<void> = Promise.resolve();

export function take(files: Iterable<File>): number {
  let count = 0;
  for (const file of files) {
    jobs.unshift({ key: next++, id: '', name: file.name, size: file.size, phase: 'sending', sent: 0, read: 0, calls: 0, message: '', hint: '' });
    const job = jobs[0]!;
    line = line.then(() => run(job.key, file));
    count++;
  }
  return count;
}

const jobOf = (key: number) => jobs.find(job => job.key === key);
const wait = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

async function run(key: number, file: File): Promise<void> {
  const job = jobOf(key);
  if (!job) return;
  try {
    if (!file.size) throw new ApiError('This file is empty.', 0);
    const { import: id } = await upload(file, share => { job.sent = share; });
    job.id = id;
    job.sent = 1;
    job.phase = 'waiting';
    for (let pause = 150; ; pause = Math.min(pause * 1.5, 2000)) {
      const answer = await ask<Answer>(`imports/${encodeURIComponent(id)}`);
      job.phase = answer.state;
      job.calls = answer.calls ?? 0;
      job.read = answer.state === 'done' ? 1 : answer.bytes_total ? Math.min(1, (answer.bytes_read ?? 0) / answer.bytes_total) : 0;
      job.message = answer.message || (answer.warnings ?? []).join(' ');
      if (answer.state === 'done' || answer.state === 'failed') break;
      await wait(pause);
    }
    if (job.phase === 'failed') toast(`${job.name}: ${job.message || 'it could not be read'}`, true);
    else toast(`${job.name}: ${job.calls} calls`);
  } catch (fault) {
    job.phase = 'failed';
    job.message = (fault as Error).message;
    job.hint = fault instanceof ApiError ? (fault.hint ?? '') : '';
    toast(`${job.name}: ${job.message}`, true);
  }
}
