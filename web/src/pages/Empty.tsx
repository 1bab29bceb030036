// A project without jobs: where to begin.
import { address } from "../app/route";
import { useProject } from "../app/store";
import { operationName } from "../app/words";
import { Rings } from "../parts/Rings";

export function Empty() {
  const { operations, project } = useProject();
  const first = operations.filter((operation) => operation.inputs.length === 0);
  return (
    <section className="empty">
      <Rings busy={false} />
      <h1>Nothing here yet</h1>
      <p className="dim">
        A project is a chain of jobs, from the microscope's files to a map. Begin by importing data, or simulate some to try things out.
      </p>
      {project?.role === "viewer" ? null : (
        <ul className="choices">
          {first.map((operation) => (
            <li key={operation.id}>
              <a href={address(["new", operation.id])}>
                <strong>{operationName(operation.id)}</strong>
                <span>{operation.summary}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
