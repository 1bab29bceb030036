// Every page over the project of `thon demo`, with a picture of each to look at.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { check, serve, visit } from "./browser.mjs";

/** Number of the last job of an operation. */
async function last(page, operation) {
  return page.evaluate(async (operation) => {
    const headers = { Authorization: `Bearer ${localStorage.getItem("thon.token")}` };
    const graph = await (await fetch("/api/graph", { headers })).json();
    return graph.jobs.filter((job) => job.operation === operation).pop()?.job;
  }, operation);
}

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
    await page.locator(`.react-flow__node[data-id="${ctf}"]`).click();
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
    await visit(page, `view/${ctf}/curves/0`);
    await page.locator(".uplot").nth(2).waitFor();
    await browser.shoot(page, "26-curves");
    await light(browser, server, { refine, ctf });
  } finally {
    server.stop();
  }
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
  const phone = await browser.open(server.links.owner, { viewport: { width: 400, height: 800 }, hasTouch: true, isMobile: true });
  await phone.locator(".jobcard").first().waitFor();
  await browser.shoot(phone, "40-phone-graph");
  await visit(phone, `job/${ctf}`);
  await phone.locator(".gallery img").first().waitFor();
  await browser.shoot(phone, "41-phone-job");
  await visit(phone, `view/${ctf}/tilt_series/0`);
  await drawn(phone, ".tiltimage canvas");
  await browser.shoot(phone, "42-phone-tilt-series");
}
