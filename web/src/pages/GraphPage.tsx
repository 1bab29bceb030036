// The graph of the project: jobs and what flows between them.
import dagre from "@dagrejs/dagre";
import { Background, Controls, Handle, MiniMap, Position, ReactFlow, type Edge, type Node, type NodeProps } from "@xyflow/react";
import { useEffect, useMemo, useState } from "react";
import type { Job } from "../api/types";
import { go } from "../app/route";
import { useProject } from "../app/store";
import { useTheme } from "../app/theme";
import { operationName, room } from "../app/words";
import { Items, Progress, StateBadge } from "../parts/StateBadge";
import { Empty } from "./Empty";
import { Selected } from "./Selected";

type JobNode = Node<{ job: Job }, "job">;
const WIDTH = 184;
const HEIGHT = 84;

function Card({ data, selected }: NodeProps<JobNode>) {
  const { job } = data;
  return (
    <div className={`jobcard ${job.state} ${selected ? "selected" : ""}`}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <div className="jobcardhead">
        <span className="dim">{room(job.operation)}</span>
        <span className="dim num">{job.job}</span>
      </div>
      <strong>{operationName(job.operation)}</strong>
      <div className="jobcardfoot">
        <StateBadge job={job} />
        <Items job={job} />
      </div>
      <Progress job={job} />
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

const KINDS = { job: Card };

/** Where each job stands; depends on the connections alone. */
function places(shape: string): Map<number, { x: number; y: number }> {
  const jobs = JSON.parse(shape) as [number, number[]][];
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 26, ranksep: 40, ranker: "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  const known = new Set(jobs.map(([job]) => job));
  jobs.forEach(([job]) => graph.setNode(String(job), { width: WIDTH, height: HEIGHT }));
  jobs.forEach(([job, sources]) => sources.filter((from) => known.has(from)).forEach((from) => graph.setEdge(String(from), String(job))));
  dagre.layout(graph);
  return new Map(jobs.map(([job]) => {
    const node = graph.node(String(job));
    return [job, { x: node.x - WIDTH / 2, y: node.y - HEIGHT / 2 }];
  }));
}

function edgesOf(jobs: Job[]): Edge[] {
  const pairs = new Map<string, Edge>();
  for (const job of jobs) {
    for (const filled of job.inputs) {
      const id = `${filled.job}-${job.job}`;
      pairs.set(id, {
        id,
        source: String(filled.job),
        target: String(job.job),
        animated: job.state === "running",
        focusable: false,
      });
    }
  }
  return [...pairs.values()];
}

export default function GraphPage() {
  const { jobs } = useProject();
  const theme = useTheme();
  const [chosen, setChosen] = useState<number | null>(null);
  const shape = JSON.stringify(jobs.map((job) => [job.job, [...new Set(job.inputs.map((filled) => filled.job))]]));
  const layout = useMemo(() => places(shape), [shape]);
  const edges = useMemo(() => edgesOf(jobs), [jobs]);
  const nodes = useMemo<JobNode[]>(
    () => jobs.map((job) => ({
      id: String(job.job),
      type: "job",
      position: layout.get(job.job) ?? { x: 0, y: 0 },
      data: { job },
      width: WIDTH,
      height: HEIGHT,
      selected: job.job === chosen,
      ariaLabel: `Job ${job.job}, ${operationName(job.operation)}, ${job.state}`,
    })),
    [jobs, layout, chosen],
  );
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      if (event.key === "Escape") setChosen(null);
      if (event.key === "Enter" && chosen !== null) go(["job", chosen]);
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [chosen]);
  if (jobs.length === 0) return <Empty />;
  const job = jobs.find((one) => one.job === chosen);
  return (
    <div className="graph">
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={KINDS}
        colorMode={theme}
        fitView
        fitViewOptions={{ padding: 0.06, maxZoom: 1.1, minZoom: innerWidth < 700 ? 0.5 : 0.05 }}
        minZoom={0.05}
        maxZoom={1.6}
        nodesDraggable={false}
        nodesConnectable={false}
        onlyRenderVisibleElements={jobs.length > 150}
        onNodeClick={(_, node) => setChosen(Number(node.id))}
        onNodeDoubleClick={(_, node) => go(["job", node.id])}
        onPaneClick={() => setChosen(null)}
        proOptions={{ hideAttribution: false }}
      >
        <Background gap={28} size={1} />
        <Controls showInteractive={false} />
        {jobs.length > 25 ? <MiniMap pannable zoomable /> : null}
      </ReactFlow>
      {job ? <Selected job={job} close={() => setChosen(null)} /> : null}
    </div>
  );
}
