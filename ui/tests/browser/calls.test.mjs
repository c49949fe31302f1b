// The list of calls: query bar, histogram, facets, table, keyboard.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeAll, listed, rows, sleep, total, until, visit, whole } from './kit.mjs';

let server;
before(async () => { server = await whole(); });
after(closeAll);
const query = page => page.getByRole('textbox', { name: 'Query' });
const whereOf = page => new URL(page.url()).searchParams.get('where') ?? '';

test('all calls are listed, the newest first', async () => {
  const page = await visit(server.url, '/');
  await listed(page);
  const { calls } = await server.get('health');
  await until('the number of calls', async () => (await total(page)) === calls);
  const { calls: newest } = await server.get('calls', { limit: 20 });
  assert.deepEqual((await rows(page).evaluateAll(list => list.map(row => row.dataset.id))).slice(0, 20), newest.map(call => call.id));
  assert.equal(await page.locator('[role=grid]').getAttribute('aria-rowcount'), String(calls + 1));
  await page.done();
});

test('the last row is reached, without blank rows', async () => {
  const page = await visit(server.url);
  await listed(page);
  await until('the count', async () => (await page.locator('[role=grid]').getAttribute('aria-rowcount')) !== '-1');
  const { calls: oldest } = await server.get('calls', { limit: 1, order: 'asc' });
  await page.locator('.table .view').evaluate(view => { view.scrollTop = view.scrollHeight; });
  await page.locator(`[data-id="${oldest[0].id}"]`).waitFor();
  await until('no blank row', async () => (await page.locator('.bone').count()) === 0);
  // The middle, too.
  await page.locator('.table .view').evaluate(view => { view.scrollTop = view.scrollHeight / 2; });
  await until('no blank row in the middle', async () => (await page.locator('.bone').count()) === 0 && (await rows(page).count()) > 20);
  await page.done();
});

test('the query is completed, applied, kept in the link and in the history', async () => {
  // While it is typed, what is there so far may be wrong.
  const page = await visit(server.url, '/calls', { expected: /400/ });
  await listed(page);
  await page.keyboard.press('/');
  await page.keyboard.type('protoc');
  const options = page.locator('.cm-tooltip-autocomplete li');
  await until('the field', async () => (await options.allInnerTexts()).some(text => text.startsWith('protocol')));
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal(await query(page).innerText(), 'protocol');
  await page.keyboard.type(' == "po');
  await until('the value', async () => (await options.allInnerTexts()).some(text => text.includes('postgresql')));
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await until('the completed query', async () => (await query(page).innerText()) === 'protocol == "postgresql"');
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  await page.keyboard.press('Enter');
  await until('the link', () => whereOf(page) === 'protocol == "postgresql"');
  const { rows: [[count]] } = await server.get('aggregate', { where: 'protocol == "postgresql"', show: 'count' });
  await until('the calls', async () => (await total(page)) === count);
  await page.reload();
  await listed(page);
  assert.equal(await query(page).innerText(), 'protocol == "postgresql"');
  await page.getByRole('button', { name: 'Clear the query' }).click();
  await until('an empty query', () => whereOf(page) === '');
  await page.getByRole('button', { name: 'Saved and past queries' }).click();
  await page.getByRole('dialog', { name: 'Saved and past queries' }).getByText('postgresql').first().click();
  await until('the past query', () => whereOf(page) === 'protocol == "postgresql"');
  await page.done();
});

test('a fault is told under its place, and the list stays', async () => {
  const page = await visit(server.url, '/calls', { expected: /400/ });
  await listed(page);
  await page.keyboard.press('/');
  await page.keyboard.type('protocol == "http" && statsu.code == "404"');
  await page.getByRole('alert').getByText('statsu').waitFor();
  assert.equal(await page.locator('.cm-fault').innerText(), 'statsu.code');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  assert(await rows(page).count() > 10);
  assert.equal(whereOf(page), '');
  await page.done();
});

test('a part of the histogram that is brushed becomes the span', async () => {
  const page = await visit(server.url);
  await listed(page);
  const all = await until('the count', () => total(page).catch(() => 0));
  const plot = page.getByRole('group', { name: /Calls over time/ }), box = await plot.boundingBox();
  await page.mouse.move(box.x + 2, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 24, { steps: 5 });
  await page.mouse.up();
  const range = await until('the range', () => new URL(page.url()).searchParams.get('range'));
  const [from, to] = range.split('..');
  const { rows: [[count]] } = await server.get('aggregate', { from, to, show: 'count' });
  assert(count > 0 && count < all);
  await until('fewer calls', async () => (await total(page)) === count);
  await page.getByRole('button', { name: 'Zoomed' }).click();
  await until('all again', async () => (await total(page)) === all);
  await page.done();
});

test('facets and values add conditions and take them out', async () => {
  const page = await visit(server.url);
  await listed(page);
  const facets = page.getByRole('complementary', { name: 'Facets' });
  await facets.getByRole('button', { name: /^redis/ }).click();
  await until('the condition', () => whereOf(page) === 'protocol == "redis"');
  await facets.getByRole('button', { name: /^Error/ }).click();
  await until('both', () => whereOf(page) === 'protocol == "redis" && status.result == "error"');
  await facets.getByRole('button', { name: /^redis/ }).click();
  await until('one', () => whereOf(page) === 'status.result == "error"');
  await facets.getByRole('button', { name: /^http/ }).click({ modifiers: ['Alt'] });
  await until('without', () => whereOf(page) === 'status.result == "error" && protocol != "http"');
  await listed(page);
  await rows(page).first().locator('.method [data-where]').hover();
  await page.getByRole('button', { name: 'Add to the query' }).click();
  await until('the method', () => /&& method == /.test(whereOf(page)));
  await page.done();
});

test('columns are chosen, sorted and made wider', async () => {
  const page = await visit(server.url, `/calls?where=${encodeURIComponent('protocol == "postgresql"')}`);
  await listed(page);
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByLabel('Source address').check();
  await page.keyboard.press('Escape');
  await page.getByRole('columnheader', { name: 'Source address' }).waitFor();
  await page.getByRole('columnheader', { name: 'Latency' }).getByRole('button').click();
  await until('the slowest first', async () => (await page.getByRole('columnheader', { name: 'Latency' }).getAttribute('aria-sort')) === 'descending');
  const { calls } = await server.get('calls', { where: 'protocol == "postgresql"', limit: 1000 });
  const slowest = calls.filter(call => call.duration_ns !== undefined).sort((a, b) => b.duration_ns - a.duration_ns)[0];
  await until('its row', async () => (await rows(page).first().getAttribute('data-id')) === slowest.id);
  const header = page.getByRole('columnheader', { name: /^Destination/ }), { width } = await header.boundingBox();
  const grip = await header.getByRole('separator').boundingBox();
  await page.mouse.move(grip.x + 4, grip.y + 4);
  await page.mouse.down();
  await page.mouse.move(grip.x + 64, grip.y + 4, { steps: 4 });
  await page.mouse.up();
  await until('a wider column', async () => Math.abs((await header.boundingBox()).width - width - 60) < 3);
  await page.done();
});

test('the keyboard does it all', async () => {
  const page = await visit(server.url, `/calls?where=${encodeURIComponent('protocol == "http" && method == "POST"')}`);
  await listed(page);
  const { calls } = await server.get('calls', { where: 'protocol == "http" && method == "POST"', limit: 5 });
  await page.locator('.table .view').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  const open = () => new URL(page.url()).searchParams.get('call');
  await until('a call', () => open() === calls[1].id);
  await page.keyboard.press('j');
  await until('the next', () => open() === calls[2].id);
  await page.keyboard.press('k');
  await until('the one before', () => open() === calls[1].id);
  await page.keyboard.press('2');
  await page.getByRole('tab', { name: 'Identity', selected: true }).waitFor();
  await page.keyboard.press('Escape');
  await until('closed', () => !open());
  await page.keyboard.press('Control+k');
  await page.keyboard.type('endp');
  await page.keyboard.press('Enter');
  await until('the endpoints', () => page.url().includes('/endpoints'));
  await page.keyboard.press('/');
  await until('the query has the focus', () => page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.getAttribute('aria-label') === 'Query'));
  await page.done();
});

test('themes and time zones are switched and remembered', async () => {
  const page = await visit(server.url);
  await listed(page);
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('theme dark');
  await page.keyboard.press('Enter');
  await until('dark', async () => (await background()) !== light);
  const first = await rows(page).first().locator('.time').innerText();
  await page.getByRole('button', { name: 'Times in UTC' }).click();
  await until('local time', async () => (await rows(page).first().locator('.time').innerText()) !== first);
  await page.reload();
  await listed(page);
  assert.notEqual(await background(), light);
  assert.notEqual(await rows(page).first().locator('.time').innerText(), first);
  await page.done();
});

test('nothing found says what to do, and does it', async () => {
  const page = await visit(server.url, `/calls?where=${encodeURIComponent('method == "NOBODY"')}`);
  await page.getByText('No call matches').waitFor();
  await page.locator('section.list').getByRole('button', { name: 'Clear the query' }).click();
  await listed(page);
  await page.done();
});

test('it is usable from 768 px to 4K', async () => {
  const page = await visit(server.url);
  await listed(page);
  for (const view of ['Calls', 'Services', 'Endpoints', 'Health', 'Import']) {
    await page.getByRole('navigation').getByRole('link', { name: view, exact: true }).click();
    for (const [width, height] of [[768, 1024], [1280, 720], [3840, 2160]]) {
      await page.setViewportSize({ width, height });
      await sleep(250);
      const cut = await page.evaluate(() => {
        const main = document.querySelector('main');
        return { page: document.documentElement.scrollWidth - innerWidth, main: main.scrollWidth - main.clientWidth };
      });
      assert(cut.page <= 0 && cut.main <= 0, `${view} at ${width} px: ${JSON.stringify(cut)}`);
    }
  }
  await page.done();
});
