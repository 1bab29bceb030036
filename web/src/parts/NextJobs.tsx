// What an output can feed: the next jobs, by room.
import { address } from "../app/route";
import { useProject } from "../app/store";
import { operationName, room } from "../app/words";

/** Jobs of the catalogue with a required input of this kind. */
export function useNext(kind: string) {
  const { operations } = useProject();
  return operations.filter((operation) => operation.inputs.some((slot) => slot.required && slot.kind === kind));
}

export function NextJobs({ job, slot, kind }: { job: number; slot: string; kind: string }) {
  const next = useNext(kind);
  const { project } = useProject();
  if (project?.role === "viewer" || next.length === 0) return null;
  const rooms = [...new Set(next.map((operation) => room(operation.id)))];
  return (
    <details className="menu">
      <summary className="button small">Next job</summary>
      <div className="menulist">
        {rooms.map((name) => (
          <div key={name}>
            <h4>{name}</h4>
            {next.filter((operation) => room(operation.id) === name).map((operation) => (
              <a key={operation.id} href={address(["new", operation.id], { from: `${job}.${slot}` })} title={operation.summary}>
                {operationName(operation.id)}
              </a>
            ))}
          </div>
        ))}
      </div>
    </details>
  );
}
