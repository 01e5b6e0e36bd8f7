import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { licences } from './licences.ts';

export default defineConfig({
  // The server may serve the page below a path.
  base: './',
  plugins: [svelte(), licences()],
  build: {
    target: 'es2022',
    outDir: '../levada_server/rpc/web/page',
    emptyOutDir: true,
    // Its Content-Security-Policy allows no data: in scripts and styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
