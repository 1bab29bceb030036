// The page as a new user meets it: from an empty folder to a map, with nothing but clicks; then hostile names.
//   node tests/tour.mjs --thon BINARY [--demo DIRECTORY] [--page web/dist] [--shots DIRECTORY]
// With --demo, every page is also shown over the project of `thon demo`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { browse, check, serve, visit } from "./browser.mjs";
import { demo } from "./demo.mjs";
import { hostile } from "./hostile.mjs";

const { values: given } = parseArgs({
  options: { thon: { type: "string" }, demo: { type: "string" }, page: { type: "string" }, shots: { type: "string", default: "tests/shots" }, only: { type: "string" } },
});

/** Fills a field of the form by its name. */
async function fill(page, name, value) {
  await page.getByLabel(name, { exact: true }).fill(String(value));
}

async function run(page, seconds) {
  const button = page.getByRole("button", { name: "Run", exact: true });
  await button.waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll("button.primary")].some((one) => one.textContent === "Run" && !one.disabled), null, { timeout: 60_000 });
  await button.click();
  await page.waitForURL(/#\/job\/\d+/);
  const state = page.locator(".facts .state");
  await page.waitForFunction(() => /Done|Failed|Interrupted/.test(document.querySelector(".facts .state")?.textContent ?? ""), null, { timeout: seconds * 1000 });
  check((await state.textContent()) === "Done", `the job is done, found ${await state.textContent()}: ${await page.locator(".note").allTextContents()}`);
}

/** From a result of the job on the page to the form of the next. */
async function next(page, result, job) {
  const name = page.locator("> div > a", { hasText: new RegExp(`^${result}$`) });
  const row = page.locator(".results > li").filter({ has: name });
  await row.getByText("Next job").click();
  await row.getByRole("link", { name: job, exact: true }).click();
  await page.waitForURL(/#\/new\//);
}

async function fromNothing(thon, browser) {
  const folder = mkdtempSync(join(tmpdir(), "thon-tour-"));
  const server = await serve(thon, folder);
  try {
    const page = await browser.open(server.links.owner);
    await page.getByText("Nothing here yet").waitFor();
    check(!(await page.evaluate(() => location.href)).includes(server.links.owner.split("#")[1]), "the token is gone from the address");
    await browser.shoot(page, "01-empty");
    await page.getByRole("link", { name: /Simulate tilt series/ }).click();
    for (const [name, value] of [["Image width", 320], ["Image height", 320], ["Particles", 50], ["Tilt step", 6], ["Ice thickness", 600], ["Box size", 40], ["Pixel size", 10]]) await fill(page, name, value);
    await browser.shoot(page, "02-form-simulate");
    await run(page, 240);
    await browser.shoot(page, "03-job-simulate");
    const first = page.url();
    await next(page, "Tilt series", "Reconstruct WBP");
    await fill(page, "Voxel size", 20);
    await browser.shoot(page, "04-form-reconstruct");
    await run(page, 240);
    await page.getByRole("link", { name: "Tomogram", exact: false }).first().click();
    await page.locator(".planebox canvas").first().waitFor();
    await page.waitForFunction(() => document.querySelector(".plane-z canvas")?.width > 20);
    await browser.shoot(page, "05-tomogram");
    await page.goto(first);
    await next(page, "Particles", "Reconstruct");
    await fill(page, "Box size", 40);
    await run(page, 240);
    await page.locator(".results").getByRole("link", { name: "Map", exact: true }).click();
    await page.locator(".surfacebox[data-triangles]").waitFor({ timeout: 60_000 });
    const triangles = Number(await page.locator(".surfacebox").getAttribute("data-triangles"));
    check(triangles > 500, `a surface of many triangles, found ${triangles}`);
    await browser.shoot(page, "06-map");
    await visit(page, "graph");
    await page.locator(".jobcard").nth(2).waitFor();
    check((await page.locator(".jobcard.done").count()) === 3, "three finished jobs in the graph");
    await page.locator(".jobcard").first().click();
    await browser.shoot(page, "07-graph");
    await page.reload();
    await page.locator(".jobcard").nth(2).waitFor();
    await hostile(page, browser, server, folder);
  } finally {
    server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const browser = await browse({ page: given.page, shots: given.shots });
let status = 0;
try {
  const began = Date.now();
  if (given.only !== "demo") await fromNothing(given.thon, browser);
  if (given.demo) await demo(given.thon, given.demo, browser);
  check(browser.troubles.length === 0, `no dialogs, errors or refused scripts, found\n${browser.troubles.join("\n")}`);
  console.log(`the page holds, ${Math.round((Date.now() - began) / 1000)} s`);
} catch (error) {
  console.error(error);
  console.error(browser.troubles.join("\n"));
  status = 1;
} finally {
  await browser.close();
}
process.exit(status);
