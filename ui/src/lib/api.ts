// Talks to the HTTP API: one function to ask, one to follow the live tail.

import { without } from './absent.svelte';

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly at?: [number, number],
    readonly hint?: string,
  ) {
    super(message);
  }
}

export type Params = Record<string, string | number | undefined | null>;

const TOKEN = 'callscope.token';
let token = sessionStorage.getItem(TOKEN) ?? '';
let tokenWanted: ((login: boolean) => void) | null = null;

export function setToken(value: string): void {
  token = value;
  sessionStorage.setItem(TOKEN, value);
}

/** Calls `wanted` when the server asks who we are, and whether it knows an identity provider. */
export function onTokenWanted(wanted: (login: boolean) => void): void {
  tokenWanted = wanted;
}

export function address(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) if (value !== undefined && value !== null && value !== '') query.set(key, String(value));
  const text = query.toString();
  return `/api/v1/${path}${text ? `?${text}` : ''}`;
}

async function request(url: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token) headers.set('authorization', `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers });
  } catch (fault) {
    if ((fault as Error).name === 'AbortError') throw fault;
    throw new ApiError('The server does not answer.', 0, undefined, 'Is callscope serve still running?');
  }
  if (response.ok) return response;
  const fault = await told(response);
  if (response.status === 401) tokenWanted?.(fault.hint?.includes('/login') ?? false);
  throw fault;
}

async function told(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as { error: { message: string; at?: [number, number]; hint?: string } };
    return new ApiError(error.message, response.status, error.at, error.hint);
  } catch {
    return new ApiError(`The server answered ${response.status} ${response.statusText}`.trim() + '.', response.status);
  }
}

export async function ask<T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> {
  const answer = (await (await request(address(path, params), { signal })).json()) as T;
  without(path, answer);
  return answer;
}

export async function askText(path: string): Promise<string> {
  return (await request(address(path))).text();
}

export async function askBytes(path: string): Promise<Uint8Array> {
  return new Uint8Array(await (await request(address(path))).arrayBuffer());
}

/** Fetches a file and hands it to the browser's downloads; a link could not carry a token. */
export async function download(path: string, name: string, params?: Params): Promise<void> {
  const blob = await (await request(address(path, params))).blob();
  save(blob, name);
}

export function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Sends a capture; `progress` hears the share that was sent. */
export function upload(file: File, progress: (share: number) => void): Promise<{ import: string }> {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open('POST', address('import', { name: file.name }));
    sending.setRequestHeader('content-type', 'application/octet-stream');
    if (token) sending.setRequestHeader('authorization', `Bearer ${token}`);
    sending.upload.onprogress = event => progress(event.total ? event.loaded / event.total : 0);
    sending.onerror = () => reject(new ApiError('The server does not answer.', 0));
    sending.onload = () => {
      if (sending.status === 401) tokenWanted?.(sending.responseText.includes('/login'));
      try {
        const answer = JSON.parse(sending.responseText);
        if (sending.status < 300) resolve(answer);
        else reject(new ApiError(answer.error.message, sending.status, undefined, answer.error.hint));
      } catch {
        reject(new ApiError(`The server answered ${sending.status}.`, sending.status));
      }
    };
    sending.send(file);
  });
}

export interface TailEvent { event: string; data: string }

/** Follows the live tail until `signal` aborts; throws when the connection ends. */
export async function follow(where: string, signal: AbortSignal, hear: (event: TailEvent) => void): Promise<void> {
  const response = await request(address('tail', { where }), { signal, headers: { accept: 'text/event-stream' } });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new ApiError('The live view was closed by the server.', 0);
    rest = eachEvent(rest + value, hear);
  }
}

/** Hands on every whole server-sent event of `text`, and returns what is left. */
export function eachEvent(text: string, hear: (event: TailEvent) => void): string {
  let from = 0;
  for (let end = text.indexOf('\n\n', from); end >= 0; end = text.indexOf('\n\n', from)) {
    let event = 'message', data = '';
    for (const line of text.slice(from, end).split('\n')) {
      if (line.startsWith('event:')) event = line.slice(6).trim();
      else if (line.startsWith('data:')) data += (data ? '\n' : '') + line.slice(5).replace(/^ /, '').replace(/\r$/, '');
    }
    if (data) hear({ event, data });
    from = end + 2;
  }
  return text.slice(from);
}
