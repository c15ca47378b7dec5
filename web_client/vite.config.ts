import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./",
  plugins: [svelte()],
  build: {
    outDir: "../control_api/web",
    emptyOutDir: true,
    // The page's Content-Security-Policy allows files of its own origin only: nothing may be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "docs.html"] },
    chunkSizeWarningLimit: 2000,
  },
  server: { proxy: { "/v1": "http://localhost:8080", "/openapi.json": "http://localhost:8080" } },
  test: { include: ["tests/**/*.test.ts"] },
});
