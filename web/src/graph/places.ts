// Where the jobs stand: a careful layout while there are few, a quick one for many.
import dagre from "@dagrejs/dagre";
import { HEIGHT, WIDTH, layered, type Places, type Shape } from "./layers";

/** Jobs that the careful layout takes a tenth of a second for. */
const FEW = 150;

export function places(shape: Shape): Places {
  return shape.length <= FEW ? careful(shape) : layered(shape);
}

function careful(shape: Shape): Places {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 26, ranksep: 40, ranker: "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  shape.forEach((_, k) => graph.setNode(String(k), { width: WIDTH, height: HEIGHT }));
  shape.forEach((sources, k) => sources.forEach((from) => graph.setEdge(String(from), String(k))));
  dagre.layout(graph);
  const nodes = shape.map((_, k) => graph.node(String(k)));
  return {
    x: Float64Array.from(nodes, (node) => node.x - WIDTH / 2),
    y: Float64Array.from(nodes, (node) => node.y - HEIGHT / 2),
    width: Math.max(0, ...nodes.map((node) => node.x + WIDTH / 2)),
    height: Math.max(0, ...nodes.map((node) => node.y + HEIGHT / 2)),
  };
}
