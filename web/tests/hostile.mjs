// Two hundred hostile names as titles of jobs, as lines of a log and as names of files: shown on every page as what they are,
// text.
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, visit } from "./browser.mjs";

const PIECES = [
  "<script>window.hacked=1</script>", "<img src=x onerror=window.hacked=1>", "<svg onload=window.hacked=1>",
  "\"><script>window.hacked=1</script>", "' onmouseover=window.hacked=1 x='", "javascript:window.hacked=1",
  "</title><script>window.hacked=1</script>", "<iframe srcdoc='<script>parent.hacked=1</script>'>",
  "<style>*{display:none}</style>", "<a href=javascript:window.hacked=1>x</a>", "{{constructor.constructor('window.hacked=1')()}}",
  "${window.hacked=1}", "<details open ontoggle=window.hacked=1>", "<math><mi//xlink:href=\"data:x,<script>window.hacked=1</script>\">",
  "<!--<img src=--><img src=x onerror=window.hacked=1>", "\u202e txt.exe", "\u0000<script>window.hacked=1</script>",
  "&lt;script&gt;window.hacked=1&lt;/script&gt;", "<base href=//evil.example>", "<meta http-equiv=refresh content=0;url=//evil.example>",
];

function names() {
  const all = [...PIECES];
  for (let step = 1; all.length < 200; step += 1) {
    PIECES.forEach((piece, k) => { if (all.length < 200) all.push(`${piece} ${PIECES[(k + step) % PIECES.length]}`); });
  }
  return all;
}

export async function hostile(page, browser, server, folder) {
  const all = names();
  const operation = await page.evaluate(async () => {
    const token = localStorage.getItem("thon.token");
    const answer = await fetch("/api/operations", { headers: { Authorization: `Bearer ${token}` } });
    return (await answer.json()).find((one) => one.inputs.length === 0).id;
  });
  const made = await page.evaluate(async ([titles, operation]) => {
    const token = localStorage.getItem("thon.token");
    const numbers = [];
    for (const title of titles) {
      const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
      const answer = await fetch("/api/jobs", { method: "POST", headers, body: JSON.stringify({ operation, title }) });
      numbers.push((await answer.json()).job);
    }
    return numbers;
  }, [all, operation]);
  check(made.length === 200 && made.every(Boolean), "200 jobs with hostile titles");
  await visit(page, "table");
  await page.waitForFunction(() => Number(document.querySelector("table.jobs")?.getAttribute("aria-rowcount")) >= 200);
  // Every row is drawn once on the way from the top to the end.
  const shown = new Set();
  const box = page.locator(".rows");
  for (let top = 0, more = true; more; top += 400) {
    more = await box.evaluate((element, top) => { element.scrollTop = top; return top < element.scrollHeight; }, top);
    await page.waitForTimeout(30);
    for (const text of await page.locator("table.jobs div.dim.one").allTextContents()) shown.add(text);
  }
  const missing = all.filter((name) => ![...shown].includes(name.trim()));
  check(missing.length === 0, `every hostile title is shown as text, missing ${missing.length}: ${missing[0]}`);
  await box.evaluate((element) => { element.scrollTop = 0; });
  await browser.shoot(page, "08-hostile-table");
  await visit(page, "graph");
  await page.locator(".jobcard").first().waitFor();
  for (const number of made.filter((_, k) => k % 10 === 0)) {
    await visit(page, `job/${number}`);
    await page.locator(".jobhead").waitFor();
  }
  await logLines(page, all, folder);
  await fileNames(page, all, folder, browser);
  // A part of the address is a name, too.
  for (const path of ["view/<img src=x onerror=window.hacked=1>/x/0", "new/<script>window.hacked=1</script>", "compare/1.<b>.0/2.x.0"]) {
    await visit(page, path);
    await page.waitForTimeout(50);
  }
  check((await page.evaluate(() => window.hacked)) === undefined, "nothing ran");
  check((await page.locator("script").count()) === 1, "no script was added");
  await strangers(browser, server);
}

/** The names as lines of the log of a finished job. */
async function logLines(page, all, folder) {
  const job = readdirSync(join(folder, "jobs")).sort()[0];
  const lines = all.map((name) => name.replaceAll("\u0000", " "));
  appendFileSync(join(folder, "jobs", job, "attempt-1", "log.txt"), `${lines.join("\n")}\n`);
  await visit(page, `job/${Number(job.slice(0, 5))}`);
  await page.waitForFunction((last) => document.querySelector("pre.log")?.textContent.includes(last), lines[lines.length - 1]);
  const text = await page.locator("pre.log").textContent();
  check(lines.every((line) => text.includes(line)), "every hostile line of the log is shown as text");
}

/** The names as those of files that can be picked. */
async function fileNames(page, all, folder, browser) {
  mkdirSync(join(folder, "hostile"));
  const names = [...new Set(all.map((name) => name.replaceAll("/", "∕").replaceAll("\u0000", "").slice(0, 60).trim()))];
  for (const name of names) writeFileSync(join(folder, "hostile", name), "");
  await visit(page, "new/import.mdoc");
  await page.getByRole("button", { name: "Choose …" }).first().click();
  await page.locator(".picker li button.folder", { hasText: "hostile/" }).click();
  await page.waitForFunction((count) => document.querySelectorAll(".picker li button").length >= count, names.length);
  const shown = new Set(await page.locator(".picker li button").allTextContents());
  check(names.every((name) => shown.has(name)), `every hostile file is listed by its name, missing ${names.filter((name) => !shown.has(name))[0]}`);
  await browser.shoot(page, "09-hostile-files");
}

/** Without a token, with a wrong one, and as somebody who may only look. */
async function strangers(browser, server) {
  const address = server.links.owner.split("#")[0];
  for (const link of [address, `${address}#${"0".repeat(64)}`]) {
    const page = await browser.open(link);
    await page.getByText("The link is missing", { exact: false }).or(page.getByText("the link is missing", { exact: false })).first().waitFor();
    check((await page.locator(".jobcard").count()) === 0, "a stranger sees nothing");
    await page.context().close();
  }
  const viewer = await browser.open(server.links.viewer);
  await viewer.getByText("you may look").waitFor();
  check((await viewer.getByText("New job", { exact: true }).count()) === 0, "a viewer is offered no work");
  await viewer.context().close();
}
