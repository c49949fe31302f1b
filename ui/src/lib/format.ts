// Numbers, times and sizes as people read them. Pure functions.

const NS: [number, string][] = [[3600e9, 'h'], [60e9, 'min'], [1e9, 's'], [1e6, 'ms'], [1e3, 'µs'], [1, 'ns']];

/** 1981000 → "1.98 ms": three digits that matter. */
export function duration(ns: number | null | undefined): string {
  if (ns === null || ns === undefined || Number.isNaN(ns)) return '–';
  if (ns === 0) return '0 ms';
  for (const [unit, name] of NS) if (Math.abs(ns) >= unit) return `${digits(ns / unit)} ${name}`;
  return `${digits(ns)} ns`;
}

/** Three digits that matter, without an exponent. */
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return size >= 10 ? value.toFixed(1) : size >= 0.1 ? value.toFixed(2) : value === 0 ? '0' : value.toPrecision(2);
}

/** 1802 → "1.8 kB". */
export function bytes(count: number | null | undefined): string {
  if (count === null || count === undefined) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = count, unit = 0;
  while (value >= 999.5 && unit < units.length - 1) { value /= 1000; unit++; }
  return `${unit === 0 ? value : digits(value)} ${units[unit]}`;
}

/** 1234567 → "1,234,567". */
export function whole(count: number | null | undefined): string {
  return count === null || count === undefined ? '–' : Math.round(count).toLocaleString('en-US');
}

/** 1234567 → "1.23 M", for narrow places. */
export function short(count: number): string {
  if (Math.abs(count) < 10_000) return whole(count);
  const units: [number, string][] = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
  for (const [unit, name] of units) if (Math.abs(count) >= unit) return `${digits(count / unit)} ${name}`;
  return whole(count);
}

/** A share as a percentage: 0.0123 → "1.2 %"; small but not none is never "0 %". */
export function share(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  const percent = value * 100;
  if (percent === 0) return '0 %';
  if (percent < 0.1) return '< 0.1 %';
  return `${percent >= 99.95 && percent < 100 ? '99.9' : percent >= 10 ? percent.toFixed(percent >= 99.5 ? 0 : 1) : percent.toFixed(1)} %`;
}

/** Calls a second, or a minute when that says more. */
export function rate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined) return '–';
  if (perSecond === 0) return '0 /s';
  return perSecond >= 0.1 ? `${digits(perSecond)} /s` : `${digits(perSecond * 60)} /min`;
}

// === Times: RFC 3339 text with nanoseconds, which Date can't hold ===

/** Milliseconds since 1970, with the nanoseconds as a fraction. */
export function millis(time: string): number {
  const dot = time.indexOf('.');
  if (dot < 0) return Date.parse(time);
  const zone = /(Z|[+-]\d\d:\d\d)$/.exec(time)?.[0] ?? 'Z';
  const fraction = time.slice(dot + 1, time.length - zone.length);
  return Date.parse(time.slice(0, dot) + zone) + Number(`0.${fraction}`) * 1000;
}

/** Nanoseconds since 1970. */
export function nanos(time: string): bigint {
  const dot = time.indexOf('.');
  const zone = /(Z|[+-]\d\d:\d\d)$/.exec(time)?.[0] ?? 'Z';
  if (dot < 0) return BigInt(Date.parse(time)) * 1_000_000n;
  const fraction = time.slice(dot + 1, time.length - zone.length).padEnd(9, '0').slice(0, 9);
  return BigInt(Date.parse(time.slice(0, dot) + zone)) * 1_000_000n + BigInt(fraction);
}

/** Nanoseconds since 1970 as RFC 3339 in UTC. */
export function rfc3339(ns: bigint): string {
  const seconds = ns / 1_000_000_000n, fraction = ns % 1_000_000_000n;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(9, '0')}Z`;
}

const two = (value: number) => String(value).padStart(2, '0');

export interface TimeParts { date: string; clock: string; fraction: string }

/** A time in UTC or this browser's zone: date, clock, and the fraction with as many digits as were written (at most nine). */
export function timeParts(time: string, utc: boolean): TimeParts {
  const date = new Date(Math.floor(millis(time)));
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '000';
  const of = utc
    ? [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    : [date.getFullYear(), date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()];
  const [year, month, day, hour, minute, second] = of as [number, number, number, number, number, number];
  return { date: `${year}-${two(month)}-${two(day)}`, clock: `${two(hour)}:${two(minute)}:${two(second)}`, fraction };
}

/** For rows: the clock with milliseconds. */
export function clock(time: string, utc: boolean): string {
  const parts = timeParts(time, utc);
  return `${parts.clock}.${parts.fraction.padEnd(3, '0').slice(0, 3)}`;
}

/** For headings: date, clock and all of the fraction. */
export function moment(time: string, utc: boolean): string {
  const parts = timeParts(time, utc);
  return `${parts.date} ${parts.clock}.${parts.fraction.padEnd(6, '0')}${utc ? ' UTC' : ''}`;
}

/** For axes: as much of the time as a span of `spanMs` needs. */
export function tick(ms: number, spanMs: number, utc: boolean): string {
  const parts = timeParts(new Date(ms).toISOString(), utc);
  if (spanMs > 2 * 86_400_000) return parts.date.slice(5) + ' ' + parts.clock.slice(0, 5);
  if (spanMs > 10 * 60_000) return parts.clock.slice(0, 5);
  if (spanMs > 10_000) return parts.clock;
  return `${parts.clock}.${parts.fraction.slice(0, 3)}`;
}

/** How long ago, in words: "3 min ago". */
export function ago(ms: number): string {
  return ms < 1000 ? 'now' : `${duration(Math.round(ms / 1000) * 1e9)} ago`;
}
