// How the page is built. Vite 6, since it runs on Node.js 18, which Debian 12 has; decision 0023.
import { defineConfig } from "vite";

// Nothing inline: the server's content security policy lets only files of its own run.
export default defineConfig({
  base: "/",
  build: { assetsInlineLimit: 0, chunkSizeWarningLimit: 900, modulePreload: { polyfill: false }, target: "es2022" },
  esbuild: { jsx: "automatic" },
  worker: { format: "es" },
});
