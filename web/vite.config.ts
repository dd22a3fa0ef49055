import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Where `npm run dev` finds a manager; a page that is built asks the one that served it. */
const manager = process.env["FIRELET_URL"] ?? "http://localhost:18080";

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  clearScreen: false,
  build: {
    target: "es2023",
    // A font in a style sheet would be against the content security policy.
    assetsInlineLimit: 0,
    emptyOutDir: true,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // Parts that most pages share come at once, not as a file for each icon.
        codeSplitting: {
          groups: [{ name: "shared", test: /lucide-react|@base-ui|web\/src\/ui\/(?!chart)/ }],
        },
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ["/v1", "/docs", "/openapi.json", "/health"].map((path) => [
        path,
        // The manager refuses pages of other origins; this one is its own, in development.
        { target: manager, ws: true, changeOrigin: true, headers: { origin: manager } },
      ]),
    ),
  },
});
