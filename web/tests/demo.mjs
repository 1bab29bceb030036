// Every page over the project of `thon demo`, with a picture of each to look at.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { check, serve, visit } from "./browser.mjs";
import { work } from "./work.mjs";

/** Number of the last job of an operation. */
async function last(page, operation) {
  return page.evaluate(async (operation) => {
    const headers = { Authorization: `Bearer ${localStorage.getItem("thon.token")}` };
    const graph = await (await fetch("/api/graph", { headers })).json();
    return graph.jobs.filter((job) => job.operation === operation).pop()?.job;
  }, operation);
}

/** Whether RELION is installed, to be run as a plug-in. */
const relion = spawnSync("relion_postprocess", ["--version"]).error === undefined;

const drawn = (page, selector) => page.waitForFunction((selector) => {
  const canvas = document.querySelector(selector);
  if (!canvas || canvas.width < 20) return false;
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const levels = new Set();
  for (let k = 0; k < pixels.length; k += 4 * 97) levels.add(pixels[k]);
  return levels.size > 10;
}, selector);

export async function demo(thon, directory, browser) {
  const project = existsSync(join(directory, "project")) ? join(directory, "project") : directory;
  const server = await serve(thon, project);
  try {
    const page = await browser.open(server.links.owner);
    await page.locator(".jobcard").nth(15).waitFor();
    await browser.shoot(page, "10-graph");
    const refine = await last(page, "particles.refine");
    const ctf = await last(page, "ctf.estimate");
    const adopt = await last(page, "tilt_series.adopt");
    await page.locator(`.jobcard[data-job="${ctf}"]`).click();
    await browser.shoot(page, "11-graph-selected");
    await visit(page, "table");
    await page.locator("table.jobs").waitFor();
    await browser.shoot(page, "12-table");
    await visit(page, "new");
    await browser.shoot(page, "13-new");
    await visit(page, `job/${refine}`);
    await page.locator(".gallery img").first().waitFor();
    await browser.shoot(page, "14-job-refine");
    await visit(page, `job/${ctf}`);
    await page.locator(".gallery img").first().waitFor();
    await browser.shoot(page, "15-job-ctf");
    await visit(page, `new/particles.refine?from=${refine}.particles`);
    await page.locator(".command code").waitFor({ timeout: 60_000 });
    await browser.shoot(page, "16-form-refine");
    await visit(page, `view/${ctf}/tilt_series/0`);
    await drawn(page, ".tiltimage canvas");
    await page.getByRole("button", { name: "Leave this view out" }).click();
    await browser.shoot(page, "17-tilt-series");
    await page.locator(".whole").scrollIntoViewIfNeeded();
    await page.locator(".whole .plot").nth(2).scrollIntoViewIfNeeded();
    await browser.shoot(page, "18-tilt-series-plots");
    await page.getByRole("button", { name: "Make the job" }).click();
    await page.locator(".command code").waitFor({ timeout: 60_000 });
    check((await page.locator(".command code").textContent()).includes("--images="), "the view to leave out is in the command");
    await browser.shoot(page, "19-form-exclude");
    await visit(page, `view/${await last(page, "tomogram.reconstruct-wbp")}/tomograms/0`);
    await drawn(page, ".plane-z canvas");
    await browser.shoot(page, "20-tomogram");
    await page.getByLabel("Particles over it").selectOption(`${refine}.particles.0`);
    await page.waitForFunction(() => Number(document.querySelector(".plane-z .overlay")?.dataset.particles) > 0);
    await browser.shoot(page, "20b-tomogram-particles");
    await visit(page, `view/${refine}/map/0`);
    await page.locator(".surfacebox[data-triangles]").waitFor({ timeout: 60_000 });
    await browser.shoot(page, "21-map");
    await visit(page, `view/${await last(page, "maps.post-process")}/fsc/0`);
    await page.locator(".uplot").first().waitFor();
    await browser.shoot(page, "22-fsc");
    await visit(page, `view/${refine}/particles/0`);
    await page.locator(".spacebox[data-particles]").waitFor({ timeout: 60_000 });
    await browser.shoot(page, "23-particles");
    await visit(page, `compare/${ctf}.tilt_series.0/${adopt}.tilt_series.0`);
    await page.locator(".uplot").nth(2).waitFor();
    await browser.shoot(page, "24-compare-series");
    await visit(page, `compare/${refine}.half_map_1.0/${refine}.half_map_2.0`);
    await drawn(page, ".plane-z canvas");
    await browser.shoot(page, "25-compare-maps");
    await page.getByRole("button", { name: "Difference" }).click();
    await drawn(page, ".plane-z canvas");
    await browser.shoot(page, "25b-difference");
    await visit(page, `view/${ctf}/curves/0`);
    await page.locator(".uplot").nth(2).waitFor();
    await browser.shoot(page, "26-curves");
    await several(page, browser, { refine, ctf });
    const [align, motion, tomograms] = [await last(page, "tilt_series.align-fiducials"), await last(page, "movies.correct-motion"), await last(page, "tomogram.reconstruct-wbp")];
    await work(page, browser, { refine, ctf, align, motion, tomograms });
    if (relion) await plugIn(page, browser, refine);
    await light(browser, server, { refine, ctf });
  } finally {
    server.stop();
  }
}

/** What is about several jobs: pipelines, reports, branches, the session. */
async function several(page, browser, { refine, ctf }) {
  await visit(page, `pipeline/${refine}`);
  await page.waitForFunction(() => document.querySelector("textarea.toml")?.value.includes("particles.refine"));
  await browser.shoot(page, "27-pipeline");
  // The same jobs on the same data are there already.
  await visit(page, `report/${refine}`);
  await page.locator("pre.report").first().waitFor();
  await browser.shoot(page, "28-report");
  await visit(page, `new/ctf.estimate?like=${ctf}`);
  await page.locator(".command code").waitFor({ timeout: 60_000 });
  check((await page.getByRole("button", { name: /that follow/ }).count()) === 0, "without a change there is no branch to offer");
  await page.locator(".withunit input").first().fill("7");
  await page.getByRole("button", { name: /Run with the \d+ that follow/ }).waitFor();
  await browser.shoot(page, "29-form-branch");
  await visit(page, `compare-jobs/${ctf}/${ctf}`);
  await page.locator(".sidebyside").waitFor();
  await visit(page, "session");
  await page.locator(".seriescard img").first().waitFor();
  await browser.shoot(page, "29b-session");
}

/** Fills the form as it opens, runs the job, and waits for its end. */
async function runForm(page) {
  await page.waitForFunction(() => [...document.querySelectorAll("button.primary")].some((one) => one.textContent === "Run" && !one.disabled), null, { timeout: 60_000 });
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.waitForURL(/#\/job\/\d+/);
  await page.waitForFunction(() => /Done|Failed|Interrupted/.test(document.querySelector(".facts .state")?.textContent ?? ""), null, { timeout: 240_000 });
  const state = await page.locator(".facts .state").textContent();
  check(state === "Done", `the job is done, found ${state}: ${await page.locator(".note").allTextContents()}`);
  return Number(/job\/(\d+)/.exec(page.url())[1]);
}

/** RELION as a plug-in: the half maps of the demo, with a mask, through `relion_postprocess`. */
async function plugIn(page, browser, refine) {
  await visit(page, `new/maps.create-mask?from=${refine}.map`);
  const mask = await runForm(page);
  await visit(page, `new/relion.post-process?from=${refine}.half_map_1`);
  await page.locator(".command code").waitFor({ timeout: 60_000 });
  const command = await page.locator(".command code").textContent();
  check(command.includes(`half_map_2=${refine}.half_map_2`) && command.includes(`mask=${mask}.mask`), `the other half and the mask are found, ${command}`);
  await browser.shoot(page, "50-form-relion");
  await runForm(page);
  await browser.shoot(page, "51-job-relion");
  await page.locator(".results").getByRole("link", { name: "Map", exact: true }).click();
  await page.locator(".surfacebox[data-triangles]").waitFor({ timeout: 60_000 });
  await browser.shoot(page, "52-map-relion");
}

async function light(browser, server, { refine, ctf }) {
  const page = await browser.open(server.links.owner, { colorScheme: "light" });
  await page.locator(".jobcard").nth(15).waitFor();
  await browser.shoot(page, "30-light-graph");
  await visit(page, `view/${refine}/map/0`);
  await page.locator(".surfacebox[data-triangles]").waitFor({ timeout: 60_000 });
  await browser.shoot(page, "31-light-map");
  await visit(page, `job/${refine}`);
  await page.locator(".gallery img").first().waitFor();
  await browser.shoot(page, "32-light-job");
  for (const [name, path, ready] of [["33-light-session", "session", ".seriescard img"], ["34-light-particles", `view/${refine}/particles/0`, ".spacebox[data-particles]"], ["35-light-form", `new/particles.refine?from=${refine}.particles`, ".command code"]]) {
    await visit(page, path);
    await page.locator(ready).first().waitFor({ timeout: 60_000 });
    await browser.shoot(page, name);
  }
  const phone = await browser.open(server.links.owner, { viewport: { width: 400, height: 800 }, hasTouch: true, isMobile: true });
  await phone.locator(".jobcard").first().waitFor();
  await browser.shoot(phone, "40-phone-graph");
  await visit(phone, `job/${ctf}`);
  await phone.locator(".gallery img").first().waitFor();
  await browser.shoot(phone, "41-phone-job");
  await visit(phone, `view/${ctf}/tilt_series/0`);
  await drawn(phone, ".tiltimage canvas");
  await browser.shoot(phone, "42-phone-tilt-series");
  for (const [name, path, ready] of [
    ["43-phone-table", "table", "table.jobs"], ["44-phone-session", "session", ".seriescard"], ["45-phone-form", `new/particles.refine?from=${refine}.particles`, ".field"],
    ["46-phone-map", `view/${refine}/map/0`, ".planebox canvas"], ["47-phone-particles", `view/${refine}/particles/0`, ".spacebox[data-particles]"],
  ]) {
    await visit(phone, path);
    await phone.locator(ready).first().waitFor({ timeout: 60_000 });
    await browser.shoot(phone, name);
    const wide = await phone.evaluate(() => document.querySelector(".main").scrollWidth - innerWidth);
    check(wide <= 1, `${name} fits a phone's width, found ${wide} pixels more`);
  }
}
