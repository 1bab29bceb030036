// The frame of the page: where one is, what runs, which page shows.
import { Suspense, lazy } from "react";
import { CompareJobsPage } from "../pages/CompareJobsPage";
import { ComparePage } from "../pages/ComparePage";
import { CurationPage } from "../pages/CurationPage";
import { FormPage } from "../pages/FormPage";
import { JobPage } from "../pages/JobPage";
import { NewPage } from "../pages/NewPage";
import { ObjectPage } from "../pages/ObjectPage";
import { PipelinePage } from "../pages/PipelinePage";
import { ReportPage } from "../pages/ReportPage";
import { SessionPage } from "../pages/SessionPage";
import { TablePage } from "../pages/TablePage";
import { Note, Refusal } from "../parts/Note";
import { Rings } from "../parts/Rings";
import { address, usePlace } from "./route";
import { useProject } from "./store";
import { turnTheme, useTheme } from "./theme";

const GraphPage = lazy(() => import("../pages/GraphPage"));

function Page() {
  const { parts, query } = usePlace();
  const [page, ...rest] = parts;
  switch (page) {
    case undefined:
    case "graph":
      return <GraphPage />;
    case "table":
      return <TablePage />;
    case "new":
      return rest[0] ? <FormPage key={rest[0] + query.toString()} operation={rest[0]} query={query} /> : <NewPage query={query} />;
    case "job":
      return <JobPage key={rest[0]} number={Number(rest[0])} />;
    case "view":
      return <ObjectPage job={Number(rest[0])} slot={rest[1] ?? ""} item={Number(rest[2] ?? 0)} />;
    case "compare-jobs":
      return <CompareJobsPage first={Number(rest[0])} second={Number(rest[1])} />;
    case "pipeline":
      return <PipelinePage key={rest[0] ?? ""} from={rest[0] ? Number(rest[0]) : null} />;
    case "report":
      return <ReportPage job={Number(rest[0])} />;
    case "session":
      return <SessionPage />;
    case "curate":
      return <CurationPage key={rest[0]} number={Number(rest[0])} query={query} />;
    case "compare":
      return <ComparePage first={rest[0] ?? ""} second={rest[1] ?? ""} />;
    default:
      return <Note tone="plain">There is no such page.</Note>;
  }
}

function Tab({ to, here, children }: { to: string[]; here: string[]; children: string }) {
  const page = here[0] ?? "graph";
  return (
    <a className="tab" href={address(to)} aria-current={page === to[0] ? "page" : undefined}>
      {children}
    </a>
  );
}

export function App() {
  const { parts } = usePlace();
  const { project, trouble, loaded, jobs, problems } = useProject();
  const theme = useTheme();
  const running = jobs.filter((job) => job.state === "running").length;
  const waiting = jobs.filter((job) => ["queued", "waiting", "ready", "submitted"].includes(job.state)).length;
  const mayWork = project !== null && project.role !== "viewer";
  return (
    <div className="frame">
      <header className="bar">
        <a className="brand" href="#/">
          <Rings busy={running > 0} />
          <span>thon</span>
        </a>
        <span className="where" title={project?.directory}>{project?.name}</span>
        <nav className="tabs" aria-label="Pages">
          <Tab to={["graph"]} here={parts}>Graph</Tab>
          <Tab to={["table"]} here={parts}>Table</Tab>
          <Tab to={["session"]} here={parts}>Session</Tab>
          {mayWork ? <Tab to={["new"]} here={parts}>New job</Tab> : null}
        </nav>
        <span className="busy" role="status">
          {running > 0 ? `${running} running` : ""}
          {running > 0 && waiting > 0 ? ", " : ""}
          {waiting > 0 ? `${waiting} waiting` : ""}
        </span>
        {project?.role === "viewer" ? <span className="chip">you may look</span> : null}
        <button className="quiet" onClick={turnTheme} aria-label={`Switch to ${theme === "dark" ? "light" : "dark"} colours`}>
          {theme === "dark" ? "Light" : "Dark"}
        </button>
      </header>
      {trouble ? <div className="trouble"><Refusal error={trouble} /></div> : null}
      {problems.map(([directory, why]) => (
        <Note key={directory} tone="warning">{`${directory} is left out: ${why}`}</Note>
      ))}
      <main className="main">
        {project && loaded ? (
          <Suspense fallback={<p className="dim pad">One moment …</p>}>
            <Page />
          </Suspense>
        ) : trouble ? null : (
          <p className="dim pad">Opening the project …</p>
        )}
      </main>
    </div>
  );
}
