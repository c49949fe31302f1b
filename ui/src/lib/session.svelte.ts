// What outlives a view: the rows that were looked at last (for next and previous), and calls set aside for comparing.

import type { Rows } from './rows.svelte';

class Session {
  rows: Rows | null = null;
  compare = $state('');
}

export const session = new Session();
