import { describe, expect, it } from 'vitest';
import { bytes, clock, duration, millis, moment, nanos, rate, rfc3339, share, short } from '../../src/lib/format';
import { add, equals, has, negate, remove, split } from '../../src/lib/where';
import { banded, bandWhere, endpointWhere } from '../../src/lib/endpoint';
import { folded, lines, pairs } from '../../src/lib/compare';
import { byGroup, step } from '../../src/lib/overtime';

describe('numbers', () => {
  it('have three digits that matter', () => {
    expect([duration(0), duration(999), duration(1_981_000), duration(61e9), duration(undefined)]).toEqual(['0 ms', '999 ns', '1.98 ms', '1.02 min', '–']);
    expect([bytes(0), bytes(999), bytes(1802), bytes(999_999), bytes(null)]).toEqual(['0 B', '999 B', '1.80 kB', '1.00 MB', '–']);
    expect([short(9999), short(1_234_567)]).toEqual(['9,999', '1.23 M']);
    expect([rate(0), rate(0.01), rate(4.2)]).toEqual(['0 /s', '0.60 /min', '4.20 /s']);
  });
  it('never call a few none, nor most all', () => {
    expect([share(0), share(0.00001), share(0.0123), share(0.9999), share(1)]).toEqual(['0 %', '< 0.1 %', '1.2 %', '99.9 %', '100 %']);
  });
});

describe('times', () => {
  const time = '2026-11-23T07:19:23.267222001Z';
  it('keep their nanoseconds', () => {
    expect(rfc3339(nanos(time))).toBe(time);
    expect(nanos('2026-11-23T07:19:23Z') % 1_000_000_000n).toBe(0n);
    expect(millis(time)).toBeCloseTo(Date.parse('2026-11-23T07:19:23Z') + 267.222001, 3);
  });
  it('are told in UTC', () => {
    expect(clock(time, true)).toBe('07:19:23.267');
    expect(moment(time, true)).toBe('2026-11-23 07:19:23.267222001 UTC');
  });
});

describe('conditions', () => {
  it('are split outside of texts and brackets', () => {
    expect(split('a == "x && y" && (b || c && d) && e', '&&')).toEqual(['a == "x && y"', '(b || c && d)', 'e']);
  });
  it('are added once, and replace their opposite', () => {
    expect(add('', 'a == 1')).toBe('a == 1');
    expect(add('a == 1', 'a  ==  1')).toBe('a == 1');
    expect(add('a == 1 && b == 2', 'a != 1')).toBe('b == 2 && a != 1');
    expect(add('a == 1 || b == 2', 'c == 3')).toBe('(a == 1 || b == 2) && c == 3');
    expect(add('c == 3', 'a == 1 || b == 2')).toBe('c == 3 && (a == 1 || b == 2)');
  });
  it('are found and taken out', () => {
    expect(has('a == 1 && (b == 2 || c == 3)', 'b == 2 || c == 3')).toBe(true);
    expect(has('a == 1 || b == 2', 'a == 1')).toBe(false);
    expect(remove('a == 1 && b == "x && y"', 'b == "x && y"')).toBe('a == 1');
  });
  it('have an opposite', () => {
    expect(negate('a == "b"')).toBe('a != "b"');
    expect(negate('request.headers["x"] != 1')).toBe('request.headers["x"] == 1');
    expect(negate('(a == 1 || b == 2)')).toBe('!(a == 1 || b == 2)');
    expect(negate(negate('x.matches("(")'))).toBe('x.matches("(")');
  });
  it('quote what they must', () => { expect(equals('a', 'say "hi"\\')).toBe('a == "say \\"hi\\"\\\\"'); });
});

describe('endpoints', () => {
  it('are asked for by their templates, as they are counted', () => {
    expect(endpointWhere({ protocol: 'redis', method: 'GET', endpoint: 'k:{id}:a.b' })).toBe('protocol == "redis" && method == "GET" && endpoint.template == "k:{id}:a.b"');
    expect(endpointWhere({ protocol: 'x', method: null, endpoint: null })).toBe('protocol == "x" && !has(method) && !has(endpoint)');
  });
  it('have bands of latency that hold all', () => {
    const map = { from: '', to: '', bucket_ns: 1, steps: [0, 1e3, 3e3, 1e4], counts: [[1, 0], [2, 0], [0, 4], [8, 8]] };
    expect(banded(map, 9)).toEqual({ bands: [[undefined, 1e3], [1e3, 3e3], [3e3, 1e4], [1e4, undefined]], counts: map.counts });
    expect(banded(map, 2)).toEqual({ bands: [[undefined, 1e4], [1e4, undefined]], counts: [[3, 4], [8, 8]] });
    expect(banded({ ...map, steps: [], counts: [] }, 9)).toEqual({ bands: [], counts: [] });
    expect(bandWhere(1e6, 3e9)).toBe('duration >= duration("1ms") && duration < duration("3s")');
    expect(bandWhere(undefined, 300e3)).toBe('duration < duration("300us")');
  });
});

describe('differences', () => {
  it('are the fewest lines', () => {
    const found = lines('a\nb\nc\nd', 'a\nc\nx\nd')!;
    expect(found.map(line => `${line.kind === 'same' ? ' ' : line.kind}${line.text}`)).toEqual([' a', 'ab', ' c', 'bx', ' d']);
  });
  it('rebuild both texts', () => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    for (let i = 0; i < 200; i++) {
      const text = () => Array.from({ length: random(12) }, () => 'abc'[random(3)]).join('\n');
      const [a, b] = [text(), text()], found = lines(a, b)!;
      expect(found.filter(line => line.kind !== 'b').map(line => line.text).join('\n')).toBe(a);
      expect(found.filter(line => line.kind !== 'a').map(line => line.text).join('\n')).toBe(b);
    }
  });
  it('leave out what is far from them', () => {
    const list = lines(Array.from({ length: 30 }, (_, i) => i).join('\n'), Array.from({ length: 30 }, (_, i) => (i === 15 ? 'x' : i)).join('\n'))!;
    expect(folded(list).filter(one => typeof one === 'number')).toEqual([12, 11]);
  });
  it('are seen in headers of any case, and in those that come twice', () => {
    expect(pairs([['A', '1'], ['Set-Cookie', 'x'], ['Set-Cookie', 'y']], [['a', '1'], ['set-cookie', 'x'], ['B', '2']])).toEqual([
      { name: 'A', a: '1', b: '1', same: true }, { name: 'Set-Cookie', a: 'x', b: 'x', same: true }, { name: 'Set-Cookie', a: 'y', b: undefined, same: false }, { name: 'B', b: '2', same: false },
    ]);
  });
});

describe('figures over time', () => {
  it('are aligned', () => {
    const table = { columns: [{ name: 'time' }, { name: 'a' }, { name: 'count' }, { name: 'p99' }], rows: [['2026-01-01T00:00:00Z', 'x', 2, 5], ['2026-01-01T00:02:00Z', 'x', 1, 7], ['2026-01-01T00:01:00Z', null, 3, null]] as (string | number | null)[][] };
    const { times, groups } = byGroup(table, ['a'], ['count', 'p99'], 60_000);
    expect(times.length).toBe(3);
    expect(groups.get('x')!.get('count')).toEqual([2, 0, 1]);
    expect(groups.get('x')!.get('p99')).toEqual([5, null, 7]);
    expect(groups.get('')!.get('count')).toEqual([0, 3, 0]);
  });
  it('have steps that fit', () => { expect([step(3600_000, 40).text, step(1000, 40).text]).toEqual(['2m', '100ms']); });
});
