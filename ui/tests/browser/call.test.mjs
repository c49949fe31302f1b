// A call: its halves, bodies, who it was, its connection and packets; links, copies, files; two calls compared.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { accessible, closeAll, listed, rows, until, visit, whole } from './kit.mjs';

let server;
before(async () => { server = await whole(); });
after(closeAll);

const one = async where => {
  const { calls } = await server.get('calls', { where, limit: 1, select: 'whole' });
  assert(calls.length, `no call: ${where}`);
  return calls[0];
};
const page = (call, more = '') => visit(server.url, `/call?id=${encodeURIComponent(call.id)}${more}`);
const clipboard = there => there.evaluate(() => navigator.clipboard.readText());

test('request and response with headers, query, cookies and a JSON body', async () => {
  const call = await one('protocol == "http" && method == "POST" && "cookie" in request.headers && response.body.media_type == "application/json"');
  const there = await page(call);
  await there.getByRole('heading', { level: 2, name: new RegExp(`^POST ${call.endpoint.slice(0, 20).replaceAll('/', '\\/')}`) }).waitFor();
  const request = there.getByRole('region', { name: 'Request', exact: true }), response = there.getByRole('region', { name: 'Response', exact: true });
  await request.locator('summary', { hasText: 'Cookies' }).waitFor();
  for (const [name] of call.request.headers) await request.getByText(name, { exact: true }).first().waitFor();
  // The body as a tree, searched, as text, as bytes.
  const key = Object.keys(JSON.parse(call.response.body.text))[0];
  await response.getByRole('group', { name: 'Body as a tree' }).getByText(key, { exact: true }).waitFor();
  await response.getByRole('searchbox').or(response.getByPlaceholder('Search')).first().fill(key);
  await response.locator('mark').first().waitFor();
  await response.getByRole('button', { name: 'Hex' }).click();
  await response.getByText(Buffer.from(call.response.body.text).subarray(0, 2).toString('hex').replace(/(..)/g, '$1 ').trim()).first().waitFor();
  await accessible(there, 'a call');
  await there.getByRole('button', { name: 'Copy as cURL' }).click();
  await until('a command', async () => (await clipboard(there)).startsWith('curl '));
  await there.getByRole('button', { name: 'Copy the link to this call' }).click();
  await until('a link', async () => (await clipboard(there)) === `${server.url}/call?id=${encodeURIComponent(call.id).replaceAll('%40', '%40')}`);
  await there.done();
});

test('identity says who and how it is known; the connection shows its calls and packets', async () => {
  const call = await one('protocol == "http" && method == "GET" && status_code == 200');
  const there = await page(call, '&tab=identity');
  await there.getByText(call.src.ip).first().waitFor();
  await there.getByText(call.dst.ip).first().waitFor();
  await accessible(there, 'identity');
  await there.getByRole('tab', { name: 'Connection' }).click();
  const { calls } = await server.get(`streams/${encodeURIComponent(call.stream)}`);
  assert(calls.some(other => other.id === call.id));
  const packets = there.getByRole('listbox', { name: 'Packets' });
  await packets.waitFor();
  const { packets: all } = await server.get(`calls/${encodeURIComponent(call.id)}/packets`);
  assert(all.length > 1);
  assert.equal(await packets.getByRole('option').count(), all.length);
  await packets.focus();
  await there.keyboard.press('ArrowDown');
  await until('the second packet', async () => (await packets.getByRole('option').nth(1).getAttribute('aria-selected')) === 'true');
  await there.getByText(all[1].layers.at(-1).name).first().waitFor();
  await accessible(there, 'connection');
  await there.done();
});

test('files: HAR and packets', async () => {
  const call = await one('protocol == "http" && method == "POST"');
  const there = await page(call);
  for (const [name, check] of [['HAR', bytes => JSON.parse(bytes).log.entries.length === 1], ['Packets (pcapng)', bytes => bytes.readUInt32LE(0) === 0x0a0d0d0a]]) {
    await there.getByRole('button', { name: 'Download this call' }).click();
    const [file] = await Promise.all([there.waitForEvent('download'), there.getByRole('button', { name }).click()]);
    assert(check(readFileSync(await file.path())), name);
  }
  await there.done();
});

test('a stream of messages is a conversation; SQL is a statement', async () => {
  const stream = await one('protocol == "websocket"');
  const there = await page(stream, '&tab=messages');
  await there.getByRole('tab', { name: /Messages/, selected: true }).waitFor();
  await until('messages', async () => (await there.locator('.content').innerText()).length > 40);
  await accessible(there, 'messages');
  const statement = await one('protocol == "postgresql" && "db.query.text" in fields');
  await there.goto(`${server.url}/call?id=${encodeURIComponent(statement.id)}`);
  await there.getByText(statement.request.fields['db.query.text'].split(/\s+/)[0], { exact: true }).first().waitFor();
  await there.done();
});

test('what is not whole says why; a call that is gone says so', async () => {
  const { calls } = await server.get('calls', { where: 'pairing == "unanswered"', limit: 1 });
  const there = await visit(server.url, `/call?id=${encodeURIComponent(calls[0].id)}`, { expected: /404|400/ });
  await there.getByText(/No response/).first().waitFor();
  await there.goto(`${server.url}/call?id=${encodeURIComponent('9:1-1@1')}`);
  await there.getByRole('alert').waitFor();
  await there.done();
});

test('beside the list: opened by a click, next and previous, and two are compared', async () => {
  const there = await visit(server.url, `/calls?where=${encodeURIComponent('protocol == "http"')}`);
  await listed(there);
  const ids = await rows(there).evaluateAll(list => list.map(row => row.dataset.id));
  await rows(there).nth(1).click({ position: { x: 30, y: 10 } });
  const open = () => new URL(there.url()).searchParams.get('call');
  await until('the call', () => open() === ids[1]);
  await there.getByRole('button', { name: 'Next call' }).click();
  await until('the next', () => open() === ids[2]);
  await there.getByRole('button', { name: 'Previous call' }).click();
  await until('the first', () => open() === ids[1]);
  await accessible(there, 'a call beside the list');
  await there.keyboard.press('x');
  await there.keyboard.press('j');
  await until('another', () => open() === ids[2]);
  await there.keyboard.press('x');
  await until('compared', () => there.url().includes('/compare'));
  await there.getByText(/differences?$/).first().waitFor();
  await there.getByLabel('Also what is the same').check();
  await there.getByRole('region', { name: 'The call', exact: true }).getByText('Pairing').waitFor();
  await accessible(there, 'compare');
  await there.done();
});
