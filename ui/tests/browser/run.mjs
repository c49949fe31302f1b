// All tests in one process: with one browser, and one server over the recordings.

await import('./calls.test.mjs');
await import('./call.test.mjs');
await import('./views.test.mjs');
await import('./live.test.mjs');
