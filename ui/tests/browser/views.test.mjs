// Services, endpoints, health; every view by axe, light and dark; the palette; a token.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessible, closeAll, listed, serve, sleep, total, until, visit, whole } from './kit.mjs';

let server;
before(async () => { server = await whole(); });
after(closeAll);
const whereOf = page => new URL(page.url()).searchParams.get('where') ?? '';

test('the map has a node for each workload, and leads to its calls', async () => {
  // Few enough that none is folded into its namespace.
  const page = await visit(server.url, '/services?where=http');
  const { nodes } = await server.get('map', { where: 'http' });
  assert.ok(nodes.length > 5 && nodes.length <= 40);
  await until('the nodes', async () => (await page.locator('.node').count()) === nodes.length);
  const busiest = nodes.toSorted((a, b) => b.calls - a.calls)[0];
  await page.getByLabel('Find a service').fill(busiest.name);
  await page.keyboard.press('Enter');
  const panel = page.getByRole('complementary', { name: 'The chosen service' });
  await panel.getByRole('heading', { name: busiest.name }).waitFor();
  await accessible(page, 'a service');
  await panel.getByRole('link', { name: 'Calls to it' }).click();
  await until('its calls', async () => page.url().includes('/calls') && (await total(page).catch(() => 0)) === busiest.calls);
  await page.goBack();
  await page.getByRole('button', { name: 'Table' }).click();
  await page.getByRole('row').filter({ hasText: busiest.name }).first().waitFor();
  await page.done();
});

test('nodes that did not answer are named where their calls are missing', async () => {
  const page = await visit(server.url, '/health');
  const answer = (path, change) => page.route(`**/api/v1/${path}*`, async route => {
    const response = await route.fetch();
    await route.fulfill({ response, json: change(await response.json()) });
  });
  await answer('health', health => ({ ...health, nodes: [{ name: 'node-a', connected: true, version: '1', calls: 5 }, { name: 'node-b', connected: false, version: '1', calls: 7 }] }));
  await answer('calls', page => ({ ...page, searched: { ...page.searched, complete: false, missing: [{ node: 'node-b', why: 'not connected' }] } }));
  const nodes = page.getByRole('region', { name: 'Nodes' });
  await nodes.getByRole('row', { name: /node-b\s+Away/ }).waitFor();
  await accessible(page, 'nodes');
  await page.getByRole('link', { name: 'Calls', exact: true }).click();
  await listed(page);
  const said = page.getByRole('status').filter({ hasText: 'node-b (not connected)' });
  await said.waitFor();
  await accessible(page, 'a node is missing');
  await page.getByRole('link', { name: 'Services' }).click();
  await said.waitFor({ state: 'detached' });
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.done();
});

test('endpoints: sorted, drilled into by row, cell and error', async () => {
  const page = await visit(server.url, '/endpoints');
  const table = page.getByRole('table');
  await table.waitFor();
  const { rows: [[protocol, method, , count]] } = await server.get('aggregate', { by: 'protocol,method,endpoint', show: 'count', limit: 1 });
  const first = table.getByRole('row').nth(1);
  assert.match(await first.innerText(), new RegExp(`${protocol}\\s+${method}`));
  await first.getByRole('link', { name: /^Calls of/ }).click();
  await until('its calls', async () => page.url().includes('/calls') && (await total(page).catch(() => 0)) === count);
  await page.goBack();
  await page.getByRole('button', { name: 'Most errors' }).click();
  await until('an endpoint that fails', async () => /\d %/.test(await first.innerText()) && !/\b0 %/.test(await first.innerText()));
  const heat = page.getByRole('group', { name: /Latency over time/ });
  await heat.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await until('the calls of a cell', () => page.url().includes('/calls') && /duration/.test(whereOf(page)));
  await listed(page);
  await page.goBack();
  await page.getByRole('region', { name: 'Errors' }).getByRole('link').first().click();
  await until('the calls with an error', () => whereOf(page).includes('status.result == "error"'));
  await listed(page);
  // A template matches what fits it.
  const { rows } = await server.get('aggregate', { by: 'protocol,method,endpoint', show: 'count', limit: 200 });
  const [, , template, fits] = rows.find(row => row[2]?.includes('{id}'));
  await page.goto(`${server.url}/endpoints`);
  await page.getByRole('link', { name: new RegExp(template.replace(/[{}]/g, '\\$&')) }).first().click();
  await until('the calls of a template', async () => (await total(page).catch(() => 0)) === fits);
  await page.done();
});

test('health tells losses in words, sources, dissectors', async () => {
  const page = await visit(server.url, '/health');
  const health = await server.get('health');
  const losses = page.getByRole('region', { name: 'What was lost' });
  await losses.waitFor();
  for (const { words } of health.losses) await losses.getByText(words, { exact: false }).first().waitFor();
  const found = page.getByRole('region', { name: 'Protocols' });
  for (const { protocol } of health.protocols) await found.getByRole('link', { name: protocol, exact: true }).waitFor();
  await page.getByRole('region', { name: 'Sources' }).getByText(health.calls.toLocaleString('en-US')).waitFor();
  await page.done();
});

for (const theme of ['light', 'dark']) {
  test(`every view is accessible, ${theme}`, async () => {
    // What is the same in both themes is looked at once.
    const only = theme === 'dark' ? ['color-contrast'] : undefined;
    const page = await visit(server.url, '/calls', { theme, expected: /400/ });
    await listed(page);
    await sleep(400);
    await accessible(page, 'calls', only);
    for (const [path, ready] of [['/services', '.node'], ['/services?as=table', 'table'], ['/endpoints', 'table'], ['/health', 'table'], ['/import', 'h2'], ['/compare', 'h2'], [`/calls?where=${encodeURIComponent('method == "NOBODY"')}`, '.empty']]) {
      await page.evaluate(to => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate')); }, path);
      await page.locator(`main ${ready}`).first().waitFor();
      await sleep(250);
      await accessible(page, path, only);
    }
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog', { name: 'Commands' }).waitFor();
    await accessible(page, 'commands', only);
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type('nothing == 1');
    await page.getByRole('alert').waitFor();
    await accessible(page, 'a fault in the query', only);
    await page.done();
  });
}

test('a server that wants a token asks for it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'callscope-ui-')), file = join(folder, 'tokens'), token = 'a-token-of-enough-length';
  writeFileSync(file, `viewer ${token}\n`, { mode: 0o600 });
  const provider = ['--oidc-issuer', 'https://127.0.0.1:9', '--oidc-client', 'callscope', '--oidc-base', 'http://127.0.0.1', '--oidc-grant', 'groups=* viewer'];
  const guarded = await serve(['shop.pcapng.zst'], { token, more: ['--token-file', file, ...provider] });
  rmSync(folder, { recursive: true });
  const page = await visit(guarded.url, '/calls', { expected: /401/ });
  await page.getByRole('dialog', { name: 'This server asks who you are' }).waitFor();
  await accessible(page, 'the question for a token');
  assert.equal(await page.getByRole('link', { name: 'Log in' }).getAttribute('href'), '/login');
  await page.getByLabel('Token').fill(token);
  await page.keyboard.press('Enter');
  await listed(page);
  await until('the live view', async () => (await guarded.get('health')).tail.readers === 1);
  await page.done();
  await guarded.stop();
});
