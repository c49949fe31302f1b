import { readFileSync } from 'node:fs';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

// What is in the bundle, with its licence: read from the packages themselves, so that it can't go stale.
const BUNDLED = [
  'svelte', '@codemirror/state', '@codemirror/view', '@codemirror/language', '@codemirror/autocomplete', '@codemirror/commands',
  '@lezer/common', '@lezer/highlight', '@lezer/lr', 'style-mod', 'crelt', 'w3c-keyname', '@dagrejs/dagre', 'uplot',
  '@fontsource-variable/inter', '@fontsource-variable/jetbrains-mono',
];
const MAP_NAMES = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE'];

function licences(): Plugin {
  return {
    name: 'licences',
    apply: 'build',
    generateBundle() {
      const parts = BUNDLED.map(name => {
        const folder = new URL(`./node_modules/${name}/`, import.meta.url);
        const { version, license } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
        let text = '';
        for (const file of MAP_NAMES) {
          try { text = readFileSync(new URL(file, folder), 'utf8'); break; } catch { /* the next name */ }
        }
        return `${name} ${version} (${license})\n\n${text.trim()}\n`;
      });
      this.emitFile({ type: 'asset', fileName: 'licences.txt', source: parts.join('\n' + '-'.repeat(72) + '\n\n') });
    },
  };
}

export default defineConfig({
  plugins: [svelte(), licences()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1500,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { port: 5173, proxy: { '/api': process.env.CALLSCOPE ?? 'http://127.0.0.1:8898' } },
  test: { include: ['tests/unit/**/*.test.ts'], setupFiles: ['tests/unit/browser.ts'] },
} as Parameters<typeof defineConfig>[0]);
