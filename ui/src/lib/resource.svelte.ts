// An answer that follows what it was asked with: the last question wins, the last answer stays while a new one comes.

import { ApiError } from './api';

export class Resource<T> {
  data = $state.raw<T | undefined>(undefined);
  error = $state.raw<ApiError | null>(null);
  loading = $state(false);
}

/** Asks `fetcher` whenever what it reads before its first await changes. `null` asks nothing. */
export function resource<T>(fetcher: (signal: AbortSignal) => Promise<T> | null): Resource<T> {
  const found = new Resource<T>();
  $effect(() => {
    const stop = new AbortController();
    const asked = fetcher(stop.signal);
    if (!asked) {
      found.data = undefined;
      found.error = null;
      found.loading = false;
      return;
    }
    found.loading = true;
    asked.then(
      data => {
        if (stop.signal.aborted) return;
        found.data = data;
        found.error = null;
        found.loading = false;
      },
      (fault: unknown) => {
        if (stop.signal.aborted) return;
        found.error = fault instanceof ApiError ? fault : new ApiError(String(fault), 0);
        found.loading = false;
      },
    );
    return () => stop.abort();
  });
  return found;
}
