// What the HTTP API says. A call is docs/OUTPUT.md's; what is not known is left out.

export type Result = 'ok' | 'error' | 'unknown';

export interface Party {
  ip: string;
  port?: number;
  service_ip?: string;
  name?: string;
  namespace?: string;
  pod?: string;
  service?: string;
  services?: string[];
  workload?: { kind: string; name: string };
  node?: string;
  zone?: string;
  labels?: Record<string, string>;
  container?: string;
  service_account?: string;
  process?: { pid?: number; name?: string; path?: string };
  names?: string[];
  evidence?: string[];
  doubts?: string[];
  candidates?: unknown[];
}

export interface Missing { why: string; request_bytes?: number; response_bytes?: number }

export interface Body {
  media_type?: string;
  encoding?: string | string[];
  size?: number;
  decoded_size?: number;
  decoded_size_at_least?: number;
  truncated?: boolean;
  text?: string;
  base64?: string;
  decode_error?: string;
}

export type FieldValue = string | number | boolean | null | FieldValue[] | { [key: string]: FieldValue };

export interface Half {
  first_ns?: number;
  last_ns?: number;
  size?: number;
  header_size?: number;
  repeats?: number;
  frames?: [number, number];
  headers?: [string, string][];
  fields?: Record<string, FieldValue>;
  body?: Body;
}

export interface Call {
  id: string;
  time: string;
  duration_ns?: number;
  protocol: string;
  version?: string;
  method?: string;
  endpoint?: string;
  status?: { code?: string; text?: string; result?: Result };
  src: Party;
  dst: Party;
  request?: Half;
  response?: Half;
  pairing: string;
  paired_by?: string;
  state?: string;
  missing?: Missing | null;
  tls?: Record<string, string>;
  transport?: string;
  seen_by?: { node: string; time?: string; duration_ns?: number }[];
  source?: { kind?: string; name?: string; interface?: string };
  stream?: string;
}

export interface CallsPage { calls: Call[]; next: string | null; searched?: { from?: string; to?: string; complete?: boolean } }
export interface HistogramData { from: string; to: string; bucket_ns: number; series: Partial<Record<Result, number[]>> }
export interface HeatMapData { from: string; to: string; bucket_ns: number; steps: number[]; counts: number[][] }
export interface FacetValue { value: string | number | null; count: number; where: string }
export interface Column { name: string; unit?: string }
export interface Aggregate { columns: Column[]; rows: (string | number | null)[][]; truncated?: boolean }
export interface MapNode { id: string; name: string; kind?: string; namespace?: string | null; calls: number; errors: number }
export interface MapEdge { from: string; to: string; protocol: string; calls: number; errors: number; rate: number; error_rate: number; p50_ns?: number | null; p99_ns?: number | null }
export interface ServiceMap { nodes: MapNode[]; edges: MapEdge[] }
export interface Layer { name: string; summary?: string; fields?: [string, string][] }
export interface Packet { number: number; time: string; from?: 'src' | 'dst'; length: number; layers?: Layer[]; hex?: string }
export interface Candidate { text: string; kind?: string; about?: string }
