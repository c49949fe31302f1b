// Short words about what was just done.

export const toasts = $state<{ id: number; text: string; bad: boolean }[]>([]);
let next = 0;

export function toast(text: string, bad = false): void {
  const id = next++;
  toasts.push({ id, text, bad });
  setTimeout(() => {
    const at = toasts.findIndex(one => one.id === id);
    if (at >= 0) toasts.splice(at, 1);
  }, bad ? 7000 : 2400);
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast('Copied');
  } catch {
    toast('The browser did not allow copying.', true);
  }
}

/** Runs something that may fail, and says so. */
export async function trying(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (fault) {
    toast((fault as Error).message, true);
  }
}
