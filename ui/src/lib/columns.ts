// The columns of the calls table.

import type { Call, Party } from './types';

/** The address and the port, where there is one. */
export const address = (party: Party): string =>
  party.port === undefined ? party.ip : `${party.ip.includes(':') ? `[${party.ip}]` : party.ip}:${party.port}`;

export interface Column {
  id: string;
  label: string;
  about: string;
  width: number;
  min: number;
  grow?: boolean;
  right?: boolean;
  sort?: (call: Call) => number | string | undefined;
  /** What the server calls it, where it sorts by it. */
  asked?: string;
}

export const title = (party: Party): string => party.service ?? party.workload?.name ?? party.name ?? party.pod ?? party.ip;

const text = (id: string, label: string, about: string, width: number, get: (call: Call) => string | undefined): Column => ({ id, label, about, width, min: 60, sort: get });

export const COLUMNS: Column[] = [
  { id: 'time', label: 'Time', about: 'When the first byte was seen', width: 104, min: 84, sort: call => call.time },
  { id: 'protocol', label: 'Protocol', about: 'What is spoken', width: 108, min: 72, sort: call => call.protocol },
  { id: 'src', label: 'Source', about: 'Who asked', width: 176, min: 90, sort: call => title(call.src) },
  { id: 'dst', label: 'Destination', about: 'Who was asked', width: 184, min: 90, sort: call => title(call.dst) },
  { id: 'method', label: 'Method', about: 'What was asked for', width: 92, min: 60, sort: call => call.method },
  { id: 'endpoint', label: 'Endpoint', about: 'What it was asked of', width: 260, min: 120, grow: true, sort: call => call.endpoint },
  { id: 'status', label: 'Status', about: "The protocol's own code", width: 132, min: 64, sort: call => call.status?.code },
  { id: 'latency', label: 'Latency', about: "From the request's first byte to the response's last", width: 132, min: 84, right: true, sort: call => call.duration_ns, asked: 'duration' },
  { id: 'request_size', label: 'Req.', about: 'Size of the request', width: 72, min: 56, right: true, sort: call => call.request?.size, asked: 'request_size' },
  { id: 'response_size', label: 'Resp.', about: 'Size of the response', width: 72, min: 56, right: true, sort: call => call.response?.size, asked: 'response_size' },
  text('version', 'Version', "The protocol's version", 72, call => call.version),
  text('src_namespace', 'Source namespace', "The source's namespace", 120, call => call.src.namespace),
  text('dst_namespace', 'Destination namespace', "The destination's namespace", 120, call => call.dst.namespace),
  text('src_pod', 'Source pod', "The source's pod", 200, call => call.src.pod),
  text('dst_pod', 'Destination pod', "The destination's pod", 200, call => call.dst.pod),
  text('src_address', 'Source address', "The source's address and port", 160, call => address(call.src)),
  text('dst_address', 'Destination address', "The destination's address and port", 160, call => address(call.dst)),
  text('src_process', 'Source process', "The source's process", 120, call => call.src.process?.name),
  text('dst_process', 'Destination process', "The destination's process", 120, call => call.dst.process?.name),
  text('node', 'Node', "The destination's node", 120, call => call.dst.node),
  text('pairing', 'Pairing', 'How both halves were brought together', 100, call => call.pairing),
  text('stream', 'Connection', 'The connection it was seen on', 120, call => call.stream),
  text('source', 'Captured on', 'The file or interface', 140, call => call.source?.interface ?? call.source?.name),
  text('tls', 'TLS', 'What the call was wrapped in', 100, call => call.tls && (call.tls['sni'] ?? call.tls['version'] ?? 'yes')),
];

export const SHOWN_FIRST = ['time', 'protocol', 'src', 'dst', 'method', 'endpoint', 'status', 'latency', 'response_size'];

export const WHY: Record<string, string> = {
  gap: 'packets were lost', 'capture-start': 'the capture began in the middle', 'capture-end': 'the capture ended before it was over',
  snaplen: 'packets were cut when they were captured', budget: 'memory for it was full', reset: 'the connection was reset',
  closed: 'the connection was closed', timeout: 'it took longer than is waited for',
};

/** What is not whole about a call, in a few words; empty if nothing. */
export function lack(call: Call): string {
  const why = call.missing?.why ? (WHY[call.missing.why] ?? call.missing.why) : '';
  if (call.state === 'open') return 'Still going on';
  if (call.pairing === 'unanswered') return why ? `No response: ${why}` : 'No response was seen';
  if (call.pairing === 'orphan') return why ? `No request: ${why}` : 'The request was not seen';
  if (why) return `Incomplete: ${why}`;
  return '';
}
