// A server over the repository's recordings, a browser, and what tests ask of a page.

import assert from 'node:assert/strict';
import { spawn, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { createServer as reserve } from 'node:net';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const path = text => fileURLToPath(new URL(text, import.meta.url));
export const fixtures = path('../../../fixtures/');
export const dist = process.env.DIST ?? path('../../dist');
const target = path('../../../target/');

export function program() {
  const found = [process.env.CALLSCOPE, `${target}debug/callscope`, `${target}release/callscope`].find(one => one && existsSync(one));
  assert(found, 'build callscope first, or name it in CALLSCOPE');
  return found;
}

const freePort = () => new Promise((resolve, reject) => {
  const socket = reserve();
  socket.on('error', reject);
  socket.listen(0, '127.0.0.1', () => { const { port } = socket.address(); socket.close(() => resolve(port)); });
});

/** `callscope serve` over these recordings, once all of them are read. */
export async function serve(files, { token, more = [] } = {}) {
  const port = await freePort(), url = `http://127.0.0.1:${port}`;
  const child = spawn(program(), ['serve', '--listen', `127.0.0.1:${port}`, '--ui-dir', dist, ...more, ...files.map(file => fixtures + file)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', text => { said += text; });
  const stop = () => new Promise(resolve => { if (child.exitCode !== null) resolve(); child.once('exit', resolve); child.kill(); setTimeout(() => child.kill('SIGKILL'), 5000).unref(); });
  const get = async (what, params = {}) => {
    const answer = await fetch(`${url}/api/v1/${what}?${new URLSearchParams(params)}`, { headers: token ? { authorization: `Bearer ${token}` } : {} });
    const text = await answer.text();
    assert(answer.ok, `${what}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  for (let end = Date.now() + 60_000; ; await sleep(150)) {
    assert(child.exitCode === null && Date.now() < end, `the server does not come up: ${said}`);
    const health = await get('health').catch(() => null);
    if (health && health.sources.length >= (files.length ? 1 : 0) && health.sources.every(source => source.state === 'done')) break;
  }
  return { url, port, stop, get };
}

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
export const everything = () => readdirSync(fixtures).filter(name => name.endsWith('.zst'));

let every = null;
/** One server over all recordings, for all tests that only look. */
export const whole = () => (every ??= serve(everything()));

/** Between browser and server: its live tail can be held up, as by a slow network. */
export async function proxy(port) {
  const tails = new Set();
  let held = false;
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers, host: `127.0.0.1:${port}` };
    if (headers.origin) headers.origin = `http://127.0.0.1:${port}`;
    const upstream = ask({ host: '127.0.0.1', port, path: incoming.url, method: incoming.method, headers }, answer => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      if (!incoming.url.startsWith('/api/v1/tail')) { answer.pipe(outgoing); return; }
      tails.add(answer);
      answer.on('data', text => outgoing.write(text));
      answer.on('end', () => outgoing.end());
      if (held) answer.pause();
      outgoing.on('close', () => { tails.delete(answer); upstream.destroy(); });
    });
    upstream.on('error', () => outgoing.destroy());
    incoming.pipe(upstream);
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    hold() { held = true; for (const tail of tails) tail.pause(); },
    release() { held = false; for (const tail of tails) tail.resume(); },
    stop: () => new Promise(resolve => { server.closeAllConnections(); server.close(resolve); }),
  };
}

let shared = null;
export const browser = () => (shared ??= chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--force-color-profile=srgb'] }));
/** Ends the browser, and the server that tests share. */
export async function closeAll() {
  const [browser, server] = [shared, every];
  shared = every = null;
  if (browser) await (await browser).close();
  if (server) await (await server).stop();
}

/**
 * A page of its own. What it logs as an error, throws, or asks of another host fails the test at `page.done()`;
 * `expected` matches what is wanted.
 */
export async function visit(url, where = '/calls', { theme = 'light', size = { width: 1440, height: 900 }, expected = /^$/, prefs } = {}) {
  const context = await (await browser()).newContext({ viewport: size, colorScheme: theme, reducedMotion: 'reduce', timezoneId: 'America/New_York', permissions: ['clipboard-read', 'clipboard-write'] });
  if (prefs) await context.addInitScript(text => { if (!localStorage.getItem('callscope.prefs')) localStorage.setItem('callscope.prefs', text); }, JSON.stringify(prefs));
  const page = await context.newPage(), faults = [];
  page.on('console', message => { if (message.type() === 'error' && !expected.test(message.text())) faults.push(message.text()); });
  page.on('pageerror', fault => faults.push(fault.stack ?? String(fault)));
  page.on('request', request => { if (!/^(blob|data):/.test(request.url()) && new URL(request.url()).origin !== new URL(url).origin) faults.push(`asks another host: ${request.url()}`); });
  page.setDefaultTimeout(15_000);
  page.done = async () => { await context.close(); assert.deepEqual(faults, []); };
  await page.goto(url + where);
  return page;
}

const axe = readFileSync(path('../../node_modules/axe-core/axe.min.js'), 'utf8');
/** WCAG 2.2 A and AA, and good practice, by axe; parts in the query bar's shadow root too. */
export async function accessible(page, what, only = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']) {
  await page.evaluate(axe);
  const found = await page.evaluate(runOnly => window.axe.run(document, { runOnly, resultTypes: ['violations'] }), only);
  const told = found.violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.slice(0, 4).map(node => `    ${node.target.join(' ')}\n    ${node.html.slice(0, 160)}\n    ${node.failureSummary?.split('\n')[1]?.trim()}`).join('\n')}`);
  assert.deepEqual(told, [], `${what}:\n${told.join('\n')}`);
}

export const rows = page => page.locator('[role=grid] [role=row][data-id]');
/** Until the list shows calls. */
export const listed = page => rows(page).first().waitFor();
/** The number of calls that the list says it has. */
export async function total(page) { return Number((await page.locator('.sums strong').innerText()).replaceAll(',', '')); }

export async function until(words, test, ms = 15_000) {
  for (const end = Date.now() + ms; ; await sleep(60)) {
    const found = await test();
    if (found) return found;
    assert(Date.now() < end, `not within ${ms} ms: ${words}`);
  }
}

/** A recording in the old format, as it would be if it had just been made. */
export function recent(file) {
  const bytes = execFileSync('zstd', ['-dc', fixtures + file], { maxBuffer: 64 << 20 });
  assert.equal(bytes.readUInt32LE(0), 0xa1b2c3d4, 'not a capture in the old format, in microseconds');
  let last = 0;
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) last = Math.max(last, bytes.readUInt32LE(at));
  const later = Math.floor(Date.now() / 1000) - last;
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) bytes.writeUInt32LE(bytes.readUInt32LE(at) + later, at);
  return bytes;
}

export async function upload(url, bytes, name) {
  const answer = await fetch(`${url}/api/v1/import?name=${name}`, { method: 'POST', body: bytes, headers: { 'content-type': 'application/octet-stream' } });
  const text = await answer.text();
  assert(answer.ok, text);
  return JSON.parse(text).import;
}

/** Drops files on the page as the mouse would. */
export async function drop(page, files) {
  const data = await page.evaluateHandle(list => {
    const transfer = new DataTransfer();
    for (const { name, base64 } of list) transfer.items.add(new File([Uint8Array.from(atob(base64), char => char.charCodeAt(0))], name));
    return transfer;
  }, files.map(({ name, bytes }) => ({ name, base64: bytes.toString('base64') })));
  await page.dispatchEvent('body', 'dragenter', { dataTransfer: data });
  await page.getByText('Drop to import').waitFor();
  await page.dispatchEvent('body', 'drop', { dataTransfer: data });
}
