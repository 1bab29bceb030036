// A thousand picks accepted, rejected, moved and added on the page, with a killed server in the middle; then the next jobs.
//   node tests/curate.mjs --thon BINARY [--page web/dist] [--shots DIRECTORY]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { browse, check, serve, visit } from "./browser.mjs";

const { values: given } = parseArgs({ options: { thon: { type: "string" }, page: { type: "string" }, shots: { type: "string", default: "tests/shots" } } });

const SIMULATE = {
  box_size: 40, seed: 5,
  options: { image_width: 320, image_height: 320, particles: 40, tilt_step: 6, ice_thickness: 600, pixel_size: 10, frames: 2 },
};

function command(project, words) {
  const done = spawnSync(given.thon, ["--project", project, ...words], { encoding: "utf8" });
  check(done.status === 0, `thon ${words.join(" ")} succeeds, found ${done.status}: ${done.stderr}`);
  return done.stdout;
}

/** Simulated series, a tomogram, and at most a thousand picks of all that is darker than around it. */
function prepare(project) {
  const flags = (tree) => Object.entries(tree).flatMap(([name, value]) =>
    typeof value === "object" ? Object.entries(value).map(([inner, value]) => `--${name}-${inner}=${value}`.replaceAll("_", "-")) : [`--${name}=${value}`.replaceAll("_", "-")]);
  command(project, ["run", "acquire.simulate-tilt-series", ...flags(SIMULATE)]);
  command(project, ["run", "tomogram.reconstruct-wbp", "--voxel-size=20", "--tilt-series", "1"]);
  command(project, ["run", "tomogram.pick-blobs", "--blobs-diameter=60", "--blobs-threshold=0", "--blobs-most=1000", "--tomograms", "2"]);
}

const counts = (page) => page.evaluate(() => {
  const status = document.querySelector(".viewhead [role=status]");
  const [accepted, rejected, added] = [...status.textContent.matchAll(/([\d,]+) (accepted|rejected|added)/g)].map((found) => Number(found[1].replace(",", "")));
  return { accepted, rejected, added, stored: Number(status.dataset.stored), waiting: Number(status.dataset.waiting) };
});
const saved = (page) => page.waitForFunction(() => document.querySelector(".viewhead [role=status]")?.dataset.waiting === "0" && /all saved/.test(document.querySelector(".viewhead [role=status]").textContent));

async function opened(page) {
  await page.locator(".picks .pick canvas").first().waitFor();
  await page.waitForFunction(() => document.querySelector(".plane-z canvas")?.width > 20 && document.querySelector(".picks .pick canvas")?.width > 4);
}

async function api(page, path) {
  return page.evaluate(async (path) => {
    const headers = { Authorization: `Bearer ${localStorage.getItem("thon.token")}` };
    return (await fetch(path, { headers })).json();
  }, path);
}

async function runForm(page) {
  await page.waitForFunction(() => [...document.querySelectorAll("button.primary")].some((one) => one.textContent === "Run" && !one.disabled), null, { timeout: 60_000 });
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.waitForURL(/#\/job\/\d+/);
  await page.waitForFunction(() => /Done|Failed|Interrupted/.test(document.querySelector(".facts .state")?.textContent ?? ""), null, { timeout: 240_000 });
  const state = await page.locator(".facts .state").textContent();
  check(state === "Done", `the job is done, found ${state}: ${await page.locator(".note").allTextContents()}`);
  return Number(/job\/(\d+)/.exec(page.url())[1]);
}

/** Decides of `count` picks from the selected one on, every third rejected; answers picks per second. */
async function decide(page, count, from) {
  const began = Date.now();
  for (let k = from; k < from + count; k += 1) await page.keyboard.press(k % 3 === 2 ? "r" : "a");
  return (1000 * count) / (Date.now() - began);
}

async function curate(browser, project) {
  let server = await serve(given.thon, project);
  try {
    let page = await browser.open(server.links.owner);
    await page.locator(".jobcard").nth(2).waitFor();
    const picked = await api(page, "/api/objects/3/particles/0/particles");
    const total = picked.total;
    check(total >= 900, `about a thousand picks, found ${total}`);
    await visit(page, "view/3/particles/0");
    await page.getByRole("button", { name: "Accept and reject …" }).click();
    await page.waitForURL(/#\/curate\/1/);
    await opened(page);
    await browser.shoot(page, "60-curate-opened");
    await page.keyboard.press("j");
    const half = Math.floor(total / 2);
    const rate = await decide(page, half, 0);
    console.log(`curate: ${rate.toFixed(1)} picks a second by keys, with the browser driven from outside`);
    await saved(page);
    await browser.shoot(page, "61-curate-half");
    const before = await counts(page);
    check(before.accepted + before.rejected === half && before.stored === half, `each decision is stored, found ${JSON.stringify(before)}`);
    // The server dies without a word; what it said was stored is there.
    process.kill(server.pid, "SIGKILL");
    await page.keyboard.press("a");
    await page.getByText("Not saved yet").waitFor();
    await browser.shoot(page, "62-curate-server-gone");
    await page.context().close();
    server = await serve(given.thon, project);
    page = await browser.open(server.links.owner);
    await page.locator(".jobcard").nth(2).waitFor();
    await visit(page, "view/3/particles/0");
    await page.getByRole("button", { name: "Accept and reject …" }).click();
    await opened(page);
    const after = await counts(page);
    check(after.accepted === before.accepted && after.rejected === before.rejected, `all that was stored outlives the server, found ${JSON.stringify(after)}`);
    await page.getByLabel("Which picks").selectOption("open");
    await page.keyboard.press("j");
    await decide(page, total - half, half);
    await saved(page);
    await page.getByLabel("Which picks").selectOption("all");
    await edit(page, browser, server, project, total);
    const last = await counts(page);
    const next = await finish(page, browser, total, last);
    return { ...last, next, total };
  } finally {
    server.stop();
  }
}

/** Undoes, makes again, adds, moves; and meets somebody else who edits. */
async function edit(page, browser, server, project, total) {
  const whole = await counts(page);
  check(whole.accepted + whole.rejected === total, `all are decided, found ${JSON.stringify(whole)}`);
  for (let k = 0; k < 3; k += 1) await page.keyboard.press("u");
  await saved(page);
  const less = await counts(page);
  check(less.accepted + less.rejected === total - 3, `three are open again, found ${JSON.stringify(less)}`);
  for (let k = 0; k < 3; k += 1) await page.keyboard.press("y");
  await saved(page);
  check((await counts(page)).accepted === whole.accepted, "and decided again");
  // Two points by hand, the second moved.
  const plane = page.locator(".plane-z .planebox");
  const box = await plane.boundingBox();
  await page.mouse.click(box.x + 0.3 * box.width, box.y + 0.4 * box.height);
  await page.keyboard.press("n");
  await page.mouse.click(box.x + 0.6 * box.width, box.y + 0.7 * box.height);
  await page.keyboard.press("n");
  await saved(page);
  await page.getByLabel("Which picks").selectOption("added");
  await page.locator(".picks .pick").nth(1).click();
  await page.mouse.click(box.x + 0.5 * box.width, box.y + 0.5 * box.height);
  await page.keyboard.press("m");
  await saved(page);
  await browser.shoot(page, "63-curate-added");
  check((await counts(page)).added === 2, "two points are added");
  // The same from a shell, while the page is open: the page notices and loses nothing that was stored.
  command(project, ["curate", "undo", "1"]);
  command(project, ["curate", "redo", "1"]);
  const { stored } = await counts(page);
  await page.keyboard.press("o");
  await page.getByText("Somebody else edited").waitFor();
  check((await counts(page)).stored === stored + 2, "what the shell did is seen");
  const said = JSON.parse(command(project, ["--json", "curate", "show", "1"]));
  check(said.edits === stored + 2 && said.curated.added.length === 2, "the shell sees the same");
}

/** What was decided becomes a set, and the next job takes it. */
async function finish(page, browser, total, last) {
  await page.getByRole("button", { name: "Make the particle set" }).click();
  await page.waitForURL(/#\/new\//);
  await page.locator(".command code").waitFor({ timeout: 60_000 });
  await browser.shoot(page, "64-form-curate");
  const job = await runForm(page);
  await browser.shoot(page, "65-job-curate");
  const found = await api(page, `/api/objects/${job}/particles/0/particles`);
  check(found.total === total - last.rejected + last.added, `the set has ${total} - ${last.rejected} + ${last.added} particles, found ${found.total}`);
  const detail = await api(page, `/api/jobs/${job}`);
  check(detail.units[0].rejected.length === last.rejected || detail.rejected.length === last.rejected, "every rejected particle is listed");
  await visit(page, `new/particles.remove-duplicates?from=${job}.particles`);
  const next = await runForm(page);
  const thinned = await api(page, `/api/objects/${next}/particles/0/particles`);
  check(thinned.total > 0 && thinned.total <= found.total, `the next job takes it, found ${thinned.total}`);
  return thinned.total;
}

const browser = await browse({ page: given.page, shots: given.shots });
const folder = mkdtempSync(join(tmpdir(), "thon-curate-"));
let status = 0;
try {
  const project = join(folder, "project");
  spawnSync(given.thon, ["new", project]);
  prepare(project);
  const began = Date.now();
  const { total, accepted, rejected, added, stored, next } = await curate(browser, project);
  check(browser.troubles.length === 0, `no dialogs, errors or refused scripts, found\n${browser.troubles.join("\n")}`);
  console.log(`curate: ${total} picks: ${accepted} accepted, ${rejected} rejected, ${added} added in ${stored} edits; the next job has ${next} of them; ${Math.round((Date.now() - began) / 1000)} s, server killed once`);
} catch (error) {
  console.error(error);
  console.error(browser.troubles.join("\n"));
  status = 1;
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(status);
