// Choosing what to do next.
import { useState } from "react";
import { address } from "../app/route";
import { useProject } from "../app/store";
import { operationName, room } from "../app/words";

export function NewPage({ query }: { query: URLSearchParams }) {
  const { operations, jobs } = useProject();
  const [search, setSearch] = useState("");
  const have = new Set(jobs.flatMap((job) => job.outputs.filter((output) => output.items > 0).map((output) => output.kind)));
  const text = search.toLowerCase();
  const found = operations.filter((one) => `${one.id} ${one.summary}`.toLowerCase().includes(text));
  const rooms = [...new Set(found.map((one) => room(one.id)))];
  const from = query.get("from");
  return (
    <section className="page wide">
      <div className="row spread">
        <h1>New job</h1>
        <input type="search" autoFocus placeholder="What do you want to do?" aria-label="Search" value={search} onChange={(event) => setSearch(event.target.value)} />
      </div>
      <div className="rooms">
        {rooms.map((name) => (
          <section key={name}>
            <h2>{name}</h2>
            <ul className="choices">
              {found.filter((one) => room(one.id) === name).map((one) => {
                const lacking = one.inputs.filter((slot) => slot.required && !have.has(slot.kind));
                return (
                  <li key={one.id} className={lacking.length > 0 ? "lacking" : ""}>
                    <a href={address(["new", one.id], from ? { from } : {})}>
                      <strong>{operationName(one.id)}</strong>
                      <span>{one.summary}</span>
                    </a>
                  </li>
                );
              })}
            </ul>
          </section>
        ))}
      </div>
      {found.length === 0 ? <p className="dim">No job matches “{search}”.</p> : null}
      <p className="dim">Jobs in grey need something that this project does not hold yet.</p>
    </section>
  );
}
