// Large projects: how long the page takes to open, and how smoothly it moves. Called by `cargo test -p thon --test scale`.
//   node tests/scale.mjs --thon BINARY --project DIRECTORY --cones JOB --particles JOB --tomogram JOB [--page web/dist] [--shots DIRECTORY]
import { readFileSync, readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { browse, check, serve, visit } from "./browser.mjs";

const { values: given } = parseArgs({
  options: {
    thon: { type: "string" }, project: { type: "string" }, page: { type: "string" }, shots: { type: "string", default: "target/tmp/scale-shots" },
    particles: { type: "string" }, cones: { type: "string" }, tomogram: { type: "string" },
  },
});

const BOUNDS = { open: 2000, frame: 34, work: 16, step: 200, cpu: 150, drawing: 100, heap: 400, server: 800 };
const figures = [];
const say = (what, value, unit, bound) => {
  figures.push({ what, value, bound });
  console.log(`scale: ${what} ${value} ${unit}${bound ? ` (bound ${bound})` : ""}`);
};

/** Milliseconds between frames while something moves: the middle, and the 95th of a hundred; and the milliseconds that the
 *  page's own thread computed for each, which other programs on the machine do not change. */
async function frames(page, move, steps) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async () => (await session.send("Performance.getMetrics")).metrics.find((one) => one.name === "TaskDuration").value;
  const before = await busy();
  await page.evaluate(() => {
    const times = [];
    let last = performance.now();
    const tick = (now) => { times.push(now - last); last = now; window.ticking = requestAnimationFrame(tick); };
    window.times = times;
    window.ticking = requestAnimationFrame(tick);
  });
  for (let k = 0; k < steps; k += 1) await move(k);
  const times = await page.evaluate(() => { cancelAnimationFrame(window.ticking); return window.times.slice(1); });
  const spent = (1000 * (await busy() - before)) / Math.max(1, times.length);
  await session.send("Performance.disable");
  times.sort((a, b) => a - b);
  const at = (share) => Math.round(times[Math.min(times.length - 1, Math.floor(share * times.length))]);
  return { middle: at(0.5), late: at(0.95), work: Number(spent.toFixed(1)) };
}

function moved(what, { middle, late, work }) {
  say(`${what}, work for a frame`, work, "ms", BOUNDS.work);
  say(`${what}, time between frames, middle`, middle, "ms", BOUNDS.frame);
  say(`${what}, 95 of 100 frames within`, late, "ms");
}

async function heap(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return Math.round(usedSize / 1e6);
}

/** Memory of the server that is its own, and the most it ever had, in megabytes. */
function resident(pid, field) {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").split("\n").find((one) => one.startsWith(field));
  return Math.round(Number(line.split(/\s+/)[1]) * 1.024e-3);
}

/** Milliseconds that the server has computed. */
function busy(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

async function jobs(browser, server) {
  for (const [name, hash, ready] of [["graph", "#/graph", "[data-drawn]"], ["table", "#/table", "table.jobs tbody tr:nth-child(10)"]]) {
    const page = await browser.open(server.links.owner);
    await page.locator("[data-drawn]").waitFor({ timeout: 120_000 });
    await page.evaluate((to) => { location.hash = to; }, hash);
    // From the address to the picture, as a user waits for it who opens the page again.
    const began = Date.now();
    await page.reload();
    await page.locator(ready).first().waitFor({ timeout: 120_000 });
    say(`10000 jobs, the ${name} opens in`, Date.now() - began, "ms", BOUNDS.open);
    const box = { x: 600, y: 450 };
    await page.mouse.move(box.x, box.y);
    const wheel = await frames(page, async (k) => { await page.mouse.wheel(0, k % 60 < 30 ? 400 : -300); await page.waitForTimeout(16); }, 120);
    moved(`the ${name} scrolls`, wheel);
    if (name === "graph") {
      await page.getByRole("button", { name: "All of it" }).click();
      await page.waitForTimeout(300);
      await page.mouse.move(box.x, box.y);
      const all = await frames(page, async (k) => { await page.mouse.wheel(0, k % 4 < 2 ? -20 : 20); await page.waitForTimeout(16); }, 60);
      moved("the graph with all jobs in sight", all);
      await browser.shoot(page, "scale-graph-all");
      const drag = await frames(page, async (k) => {
        if (k === 0) await page.mouse.down();
        await page.mouse.move(box.x + 250 * Math.sin(k / 9), box.y + 200 * Math.cos(k / 7));
        if (k === 119) await page.mouse.up();
      }, 120);
      moved("the graph is dragged", drag);
    }
    await browser.shoot(page, `scale-${name}`);
    say(`heap of the page with the ${name}`, await heap(page), "MB", BOUNDS.heap);
    await page.context().close();
  }
}

async function particles(browser, server, job) {
  const page = await browser.open(`${server.links.owner}`);
  await page.locator("[data-drawn]").waitFor({ timeout: 120_000 });
  const began = Date.now();
  await visit(page, `view/${job}/particles/0`);
  await page.locator(".spacebox[data-particles]").waitFor({ timeout: 120_000 });
  await page.locator(".rowtable [data-row='0']").waitFor();
  say("1000000 particles, space and table open in", Date.now() - began, "ms", BOUNDS.open);
  const table = page.locator(".rowtable");
  await table.scrollIntoViewIfNeeded();
  const scroll = await frames(page, async (k) => {
    await table.evaluate((element, share) => { element.scrollTop = share * element.scrollHeight; }, (k % 50) / 50);
    await page.waitForTimeout(16);
  }, 100);
  moved("the table of particles scrolls", scroll);
  await table.evaluate((element) => { element.scrollTop = element.scrollHeight; });
  await page.locator(".rowtable [data-last]").waitFor();
  await browser.shoot(page, "scale-particles");
  say("heap of the page with particles", await heap(page), "MB", BOUNDS.heap);
  await page.context().close();
}

/** The process of our browser that draws: what a graphics card does elsewhere. */
function renderer() {
  const parent = (pid) => Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ")[1]);
  const ours = (pid) => { for (let at = pid; at > 1; at = parent(at)) if (at === process.pid) return true; return false; };
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    try {
      if (readFileSync(`/proc/${name}/cmdline`, "utf8").includes("--type=gpu-process") && ours(Number(name))) return Number(name);
    } catch {
      // It ended meanwhile.
    }
  }
  return null;
}

/** A hundred thousand particles in one tomogram, turned by the mouse. */
async function space(browser, server, job) {
  const page = await browser.open(server.links.owner);
  await page.locator("[data-drawn]").waitFor({ timeout: 120_000 });
  await visit(page, `view/${job}/particles/0`);
  await page.locator(".spacebox[data-particles='100000']").waitFor({ timeout: 120_000 });
  await page.waitForTimeout(1500);
  await browser.shoot(page, "scale-cones");
  const box = await page.locator(".spacebox").boundingBox();
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  await page.mouse.move(middle.x, middle.y);
  await page.mouse.down();
  const drawn = () => page.locator(".spacebox").getAttribute("data-frames").then(Number);
  const gpu = renderer();
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const computed = async () => 1000 * (await session.send("Performance.getMetrics")).metrics.find((one) => one.name === "TaskDuration").value;
  const turn = async (count) => {
    const [before, began, page_, gpu_] = [await drawn(), Date.now(), await computed(), busy(gpu)];
    for (let k = 0; k < count; k += 1) {
      await page.mouse.move(middle.x + 200 * Math.sin(k / 15), middle.y + 60 * Math.cos(k / 11));
      await page.waitForTimeout(8);
    }
    const frames = Math.max(1, await drawn() - before);
    return { rate: (1000 * frames) / (Date.now() - began), work: (await computed() - page_) / frames, drawing: (busy(gpu) - gpu_) / frames };
  };
  await turn(30);
  const { rate, work, drawing } = await turn(120);
  const how = await page.locator(".spacebox").getAttribute("data-drawn");
  await browser.shoot(page, "scale-cones-turning");
  await page.mouse.up();
  say(`100000 particles turn, drawn as ${how} by software, frames a second`, Number(rate.toFixed(1)), "");
  say("100000 particles turn, work of the page for a frame", Number(work.toFixed(1)), "ms", BOUNDS.work);
  say("100000 particles turn, work of one core that draws by software for a frame", Math.round(drawing), "ms", BOUNDS.drawing);
  await page.waitForTimeout(1200);
  check((await page.locator(".spacebox").getAttribute("data-drawn")) === "cones", "cones are back when the scene is still");
  await page.context().close();
}

async function tomogram(browser, server, job) {
  const page = await browser.open(server.links.owner);
  await page.locator("[data-drawn]").waitFor({ timeout: 120_000 });
  const began = Date.now();
  await visit(page, `view/${job}/tomograms/0`);
  for (const axis of "xyz") await page.waitForFunction((axis) => document.querySelector(`.plane-${axis} canvas`)?.width > 20 && document.querySelector(`.plane-${axis} canvas`)?.dataset.slice, axis, { timeout: 120_000 });
  say("a tomogram of 4.3 GB, three planes open in", Date.now() - began, "ms");
  for (const axis of "zyx") {
    const plane = page.locator(`.plane-${axis} .planebox`);
    await plane.focus();
    const times = [];
    const spent = busy(server.pid);
    for (let k = 0; k < 100; k += 1) {
      const before = await page.locator(`.plane-${axis} canvas`).getAttribute("data-slice");
      const start = Date.now();
      await page.keyboard.press(k % 20 === 9 ? "PageUp" : k % 20 === 19 ? "PageDown" : "ArrowUp");
      await page.waitForFunction(([axis, before]) => document.querySelector(`.plane-${axis} canvas`).dataset.slice !== before, [axis, before], { timeout: 60_000 });
      times.push(Date.now() - start);
    }
    times.sort((a, b) => a - b);
    say(`a step along ${axis}, work of the server`, Math.round((busy(server.pid) - spent) / 100), "ms", BOUNDS.cpu);
    say(`a step along ${axis}, middle`, times[50], "ms");
    say(`a step along ${axis}, 95 of 100 within`, times[94], "ms", BOUNDS.step);
    say(`a step along ${axis}, longest`, times[99], "ms");
  }
  await browser.shoot(page, "scale-tomogram");
  say("heap of the page with the tomogram", await heap(page), "MB", BOUNDS.heap);
  await page.context().close();
}

const browser = await browse({ page: given.page, shots: given.shots });
let status = 0;
let server;
try {
  const began = Date.now();
  server = await serve(given.thon, given.project);
  say("thon serve is ready in", Date.now() - began, "ms");
  await jobs(browser, server);
  await particles(browser, server, given.particles);
  if (given.cones) await space(browser, server, given.cones);
  await tomogram(browser, server, given.tomogram);
  say("memory of the server at the end", resident(server.pid, "VmRSS"), "MB");
  say("memory of the server at most", resident(server.pid, "VmHWM"), "MB", BOUNDS.server);
  check(browser.troubles.length === 0, `no errors, found\n${browser.troubles.join("\n")}`);
  const over = figures.filter((one) => one.bound && one.value > one.bound);
  check(over.length === 0, `figures within their bounds, found ${over.map((one) => `${one.what} ${one.value}`).join("; ")}`);
} catch (error) {
  console.error(error);
  status = 1;
} finally {
  server?.stop();
  await browser.close();
}
process.exit(status);
