// Nodes whose calls are not in the answers that are shown, where a hub asks several.

export interface Absent { node: string; why: string }

/** What each question was answered without: by its path. */
const answers = $state<Record<string, Absent[]>>({});

/** Takes down what an answer says is not in it. */
export function without(path: string, answer: unknown): void {
  const said = answer as { missing?: unknown; searched?: { missing?: unknown } } | null;
  const list = said?.searched?.missing ?? said?.missing;
  // A call has a `missing` of its own, which is no list.
  const absent = Array.isArray(list) ? (list as Absent[]) : [];
  if (absent.length) answers[path] = absent;
  else delete answers[path];
}

/** All of them, by name. */
export function absent(): Absent[] {
  const all = new Map(Object.values(answers).flat().map(one => [one.node, one]));
  return [...all.values()].toSorted((a, b) => (a.node < b.node ? -1 : 1));
}

/** A place was left: what was shown there counts no more. */
export function forgetAbsent(): void {
  for (const path of Object.keys(answers)) delete answers[path];
}
