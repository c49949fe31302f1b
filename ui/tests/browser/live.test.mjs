// What comes while one looks: imports by drop, the live tail, and what it missed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { accessible, closeAll, drop, fixtures, listed, proxy, recent, rows, serve, sleep, total, until, upload, visit } from './kit.mjs';

let server;
before(async () => { server = await serve([]); });
after(async () => { await closeAll(); await server?.stop(); });

test('an empty server says what to do; a capture that is dropped is imported', async () => {
  const page = await visit(server.url, '/calls', { expected: /400/ });
  await page.getByText('No calls yet').waitFor();
  await accessible(page, 'an empty list');
  await drop(page, [{ name: 'shop.pcapng.zst', bytes: readFileSync(`${fixtures}shop.pcapng.zst`) }, { name: 'notes.txt', bytes: Buffer.from('this is no capture') }]);
  await until('the view', () => page.url().includes('/import'));
  const imports = page.getByRole('region', { name: 'Imports' });
  await imports.getByText(/312 calls/).waitFor();
  await imports.getByRole('alert').waitFor();
  await accessible(page, 'imports');
  await imports.getByRole('link', { name: 'Look at them' }).click();
  await listed(page);
  await until('its calls', async () => (await total(page)) === 312);
  await page.done();
});

/** Something older, so that there is a list. */
async function some() {
  if ((await server.get('health')).calls) return;
  const id = await upload(server.url, readFileSync(`${fixtures}shop.pcapng.zst`), 'shop.pcapng.zst');
  await until('it is read', async () => (await server.get(`imports/${id}`)).state === 'done');
}

test('live calls are listed as they come, held back while one reads, and paused', async () => {
  await some();
  const page = await visit(server.url);
  await listed(page);
  const before = await until('the count', () => total(page).catch(() => 0));
  await upload(server.url, recent('http1-plain.pcap.zst'), 'now.pcap');
  await until('newer rows on top', async () => (await rows(page).first().locator('.method').innerText()) !== '' && (await total(page)) >= before + 166, 40_000);
  await page.getByText(/^Live/).first().waitFor();
  // Further down, the list stands still and says how many are new.
  await page.locator('.table .view').evaluate(view => { view.scrollTop = 900; });
  await sleep(300);
  const at = await page.locator('.table .view').evaluate(view => view.scrollTop);
  await upload(server.url, recent('dns.pcap.zst'), 'now.pcap');
  const fresh = page.getByRole('button', { name: /\d new$/ });
  await fresh.waitFor();
  assert.equal(await page.locator('.table .view').evaluate(view => view.scrollTop), at);
  await fresh.click();
  await until('the top', async () => (await page.locator('.table .view').evaluate(view => view.scrollTop)) === 0);
  await page.getByRole('button', { name: 'Pause' }).click();
  const top = await rows(page).first().getAttribute('data-id');
  await upload(server.url, recent('redis-plain.pcap.zst'), 'now.pcap');
  await fresh.waitFor();
  assert.equal(await rows(page).first().getAttribute('data-id'), top);
  await page.getByRole('button', { name: 'Go on' }).click();
  await until('the newest', async () => (await rows(page).first().getAttribute('data-id')) !== top);
  await page.done();
});

test('what the live view was too slow for is told, and the way back', async () => {
  await some();
  const between = await proxy(server.port);
  const page = await visit(between.url, '/calls', { expected: /Failed to load resource/ });
  await listed(page);
  await until('a reader', async () => (await server.get('health')).tail.readers > 0);
  between.hold();
  const capture = recent('redis-pipelined.pcap.zst');
  for (let i = 0; i < 20 && (await server.get('health')).tail.missed === 0; i++) {
    const id = await upload(server.url, capture, 'many.pcap');
    await until('it is read', async () => (await server.get(`imports/${id}`)).state === 'done', 30_000);
    if (i >= 6) { between.release(); await sleep(700); between.hold(); }
  }
  between.release();
  const banner = page.getByRole('alert').filter({ hasText: 'were not shown here' });
  await banner.waitFor({ timeout: 20_000 });
  assert.match(await banner.innerText(), /[\d,]+ calls were not shown here/);
  await accessible(page, 'a loss');
  await banner.getByRole('link', { name: 'Capture health' }).click();
  await page.getByText('Something was lost').waitFor();
  await page.getByText(/slow readers of the live tail/).waitFor();
  await page.done();
  await between.stop();
});
