// What is done by hand over the project of `thon demo`: beads, drift, a mask over a map, picks, a subset of
// classes, a refinement that is watched while it runs.
import { check, visit } from "./browser.mjs";

/** Starts what a form asks for; answers the job's number. */
export async function start(page) {
  await page.waitForFunction(() => [...document.querySelectorAll("button.primary")].some((one) => one.textContent === "Run" && !one.disabled), null, { timeout: 90_000 });
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.waitForURL(/#\/job\/\d+/);
  return Number(/job\/(\d+)/.exec(page.url())[1]);
}

/** Waits for the end of the job on the page, which must be a good one. */
export async function ended(page, seconds) {
  await page.waitForFunction(() => /Done|Failed|Interrupted/.test(document.querySelector(".facts .state")?.textContent ?? ""), null, { timeout: seconds * 1000 });
  const state = await page.locator(".facts .state").textContent();
  check(state === "Done", `the job is done, found ${state}: ${await page.locator(".note").allTextContents()}`);
}

async function series(page, browser, { align, motion }) {
  await visit(page, `view/${align}/tilt_series/0`);
  await page.waitForFunction(() => Number(document.querySelector("svg.fiducials")?.dataset.beads) > 3, null, { timeout: 60_000 });
  await browser.shoot(page, "70-beads");
  await page.getByText("Exposure", { exact: true }).waitFor();
  await page.getByText("Exposure", { exact: true }).scrollIntoViewIfNeeded();
  await browser.shoot(page, "71-exposure");
  await visit(page, `view/${motion}/drift/0`);
  await page.locator(".ways svg polyline").nth(10).waitFor();
  await browser.shoot(page, "72-drift");
}

/** The address of a form over particles with some parameters. */
const form = (operation, job, asked) =>
  `new/${operation}?${new URLSearchParams({ from: `${job}.particles`, ...Object.fromEntries(Object.entries(asked).map(([name, value]) => [`p.${name}`, value])) })}`;

/** A refinement that is watched: curves grow while it runs. */
async function live(page, browser, { refine }) {
  await visit(page, form("particles.refine", refine, { "views.box_size": 48, "options.maximum_iterations": 6, "options.poses.search_order": 1 }));
  await page.locator(".command code").waitFor({ timeout: 90_000 });
  await start(page);
  // Before its end there are curves of more than one iteration.
  await page.locator(".live .uplot").first().waitFor({ timeout: 400_000 });
  await page.waitForFunction(() => Number(document.querySelector(".live")?.dataset.steps) >= 2 && document.querySelector(".facts .state")?.textContent !== "Done", null, { timeout: 400_000 });
  await browser.shoot(page, "74-live");
  await ended(page, 500);
  check((await page.locator(".live").count()) === 0, "what a finished job says is among its results");
}

/** One of the classes of a classification becomes a set. */
async function classes(page, browser, { refine }) {
  await visit(page, form("particles.classify", refine, { "views.box_size": 48, "options.classes": 3, "options.iterations": 6, "options.restarts": 2, "options.poses.start": "given" }));
  await page.locator(".command code").waitFor({ timeout: 90_000 });
  await browser.shoot(page, "73-form-classify");
  const job = await start(page);
  await ended(page, 500);
  await visit(page, `view/${job}/particles/0`);
  await page.locator(".classes canvas").nth(1).waitFor({ timeout: 60_000 });
  await page.locator(".classes button").first().click();
  await page.locator(".classes").scrollIntoViewIfNeeded();
  await browser.shoot(page, "75-classes");
  const text = await page.getByText(/1 chosen, [\d,]+ particles/).textContent();
  const chosen = Number(/chosen, ([\d,]+)/.exec(text)[1].replace(",", ""));
  await page.getByRole("button", { name: "Make a subset of these classes" }).click();
  await page.locator(".command code").waitFor({ timeout: 60_000 });
  await browser.shoot(page, "76-form-subset");
  const subset = await start(page);
  await ended(page, 120);
  const total = await page.evaluate(async (subset) => {
    const headers = { Authorization: `Bearer ${localStorage.getItem("thon.token")}` };
    return (await (await fetch(`/api/objects/${subset}/particles/0/particles`, { headers })).json()).total;
  }, subset);
  check(total === chosen, `the subset has the ${chosen} particles of the class, found ${total}`);
}

/** A mask of a map, and over it. */
async function mask(page, browser, { refine }) {
  await visit(page, `new/maps.create-mask?from=${refine}.map`);
  await page.locator(".command code").waitFor({ timeout: 60_000 });
  const job = await start(page);
  await ended(page, 200);
  await visit(page, `view/${refine}/map/0`);
  await page.getByLabel("Mask over it").selectOption(`${job}.mask.0`);
  await page.waitForFunction(() => {
    const canvas = document.querySelector(".plane-z canvas.overlay");
    if (!canvas || canvas.width < 20) return false;
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let tinted = 0;
    for (let k = 3; k < pixels.length; k += 4) tinted += Number(pixels[k] > 20);
    return tinted > 200;
  }, null, { timeout: 60_000 });
  await browser.shoot(page, "77-mask-over-map");
}

async function curation(page, browser, { tomograms, refine }) {
  await visit(page, `view/${tomograms}/tomograms/0`);
  await page.getByRole("button", { name: "Pick by hand …" }).click();
  await page.waitForURL(/#\/curate\/\d+/);
  await page.waitForFunction(() => document.querySelector(".plane-z canvas")?.width > 20);
  await page.keyboard.press("n");
  await page.locator(".picks .pick canvas").first().waitFor();
  await browser.shoot(page, "78-pick-by-hand");
  await visit(page, `view/${refine}/particles/0`);
  await page.getByRole("button", { name: "Accept and reject …" }).click();
  await page.locator(".picks .pick canvas").nth(3).waitFor();
  await page.waitForFunction(() => document.querySelector(".picks .pick canvas")?.width > 4);
  await page.keyboard.press("j");
  for (const key of "aarar") await page.keyboard.press(key);
  await browser.shoot(page, "79-curate-refined");
}

export async function work(page, browser, jobs) {
  await series(page, browser, jobs);
  await mask(page, browser, jobs);
  await curation(page, browser, jobs);
  await classes(page, browser, jobs);
  await live(page, browser, jobs);
}
