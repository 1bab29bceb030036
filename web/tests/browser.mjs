// A headless Chromium and a server to look at; what every step of the tour needs.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";

const KINDS = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

/** Starts `thon serve` and answers the owner's link and a function that stops it. */
export function serve(thon, project) {
  const words = ["--project", project, "--json", "serve", "--port", "0", "--share"];
  const server = spawn(thon, words, { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    let said = "";
    server.on("error", reject);
    server.on("exit", (code) => reject(new Error(`thon serve ended with ${code}`)));
    server.stdout.on("data", (bytes) => {
      said += bytes;
      try {
        resolve({ links: JSON.parse(said).links, pid: server.pid, stop: () => server.kill("SIGTERM") });
      } catch {
        // Not all of it yet.
      }
    });
  });
}

/** A browser whose pages count what must never happen: dialogs, errors, refused scripts. */
export async function browse({ page: bundle, shots }) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
  });
  mkdirSync(shots, { recursive: true });
  const troubles = [];
  const open = async (link, options = {}) => {
    const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, colorScheme: "dark", ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on("dialog", (dialog) => { troubles.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
    page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
    page.on("console", (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) troubles.push(`policy: ${message.text()}`);
    });
    if (bundle) {
      // The page from a folder instead of the binary, to work on it without building that.
      await page.route((url) => !url.pathname.startsWith("/api/"), (route) => {
        const path = new URL(route.request().url()).pathname;
        const file = join(bundle, path === "/" ? "index.html" : path);
        return route.fulfill({ body: readFileSync(file), contentType: KINDS[extname(file)] ?? "application/octet-stream" });
      });
    }
    await page.goto(link);
    return page;
  };
  const shoot = async (page, name) => {
    await page.waitForTimeout(350);
    await page.screenshot({ path: join(shots, `${name}.png`) });
    console.log(`  ${name}.png`);
  };
  return { open, shoot, troubles, close: () => browser.close() };
}

export function check(truth, what) {
  if (!truth) throw new Error(`expected: ${what}`);
}

/** Goes to a page of the application. */
export async function visit(page, path) {
  await page.evaluate((to) => { location.hash = to; }, `#/${path}`);
}
