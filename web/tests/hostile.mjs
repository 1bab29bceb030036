// Two hundred hostile names as titles of jobs: shown on every page as what they are, text.
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

export async function hostile(page, browser, server) {
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
  await page.waitForFunction(() => document.querySelectorAll("table.jobs tbody tr").length >= 200);
  const shown = await page.locator("table.jobs tbody").textContent();
  check(shown.includes(PIECES[0]), "the names are shown as text");
  await browser.shoot(page, "08-hostile-table");
  await visit(page, "graph");
  await page.locator(".jobcard").first().waitFor();
  for (const number of made.filter((_, k) => k % 10 === 0)) {
    await visit(page, `job/${number}`);
    await page.locator(".jobhead").waitFor();
  }
  // A part of the address is a name, too.
  for (const path of ["view/<img src=x onerror=window.hacked=1>/x/0", "new/<script>window.hacked=1</script>", "compare/1.<b>.0/2.x.0"]) {
    await visit(page, path);
    await page.waitForTimeout(50);
  }
  check((await page.evaluate(() => window.hacked)) === undefined, "nothing ran");
  check((await page.locator("script").count()) === 1, "no script was added");
  await strangers(browser, server);
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
