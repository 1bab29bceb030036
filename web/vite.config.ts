// How the page is built.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Nothing inline: the server's content security policy lets only files of its own run.
export default defineConfig({
  plugins: [react()],
  base: "/",
  build: { assetsInlineLimit: 0, chunkSizeWarningLimit: 900, modulePreload: { polyfill: false }, target: "es2022" },
  worker: { format: "es" },
});
