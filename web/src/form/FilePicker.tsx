// Files on the machine of the server, in the directories that it lets one look into.
import { useState } from "react";
import { get } from "../api/client";
import type { Listing } from "../api/types";
import { useLoad } from "../app/load";
import { Refusal } from "../parts/Note";

const join = (directory: string, name: string) => (directory === "" ? name : `${directory}/${name}`);

export function FilePicker({ pick, close, directories }: { pick: (path: string) => void; close: () => void; directories: boolean }) {
  const [place, setPlace] = useState({ root: 0, path: "" });
  const [search, setSearch] = useState("");
  const listing = useLoad(`/api/files?${new URLSearchParams({ root: String(place.root), path: place.path })}`, (key) => get<Listing>(key));
  const value = listing.value;
  const enter = (root: number, path: string) => {
    setSearch("");
    setPlace({ root, path });
  };
  const parts = place.path.split("/").filter(Boolean);
  const found = value?.entries.filter((entry) => entry.name.toLowerCase().includes(search.toLowerCase())) ?? [];
  const endings = [...new Set(found.filter((entry) => entry.is_file).map((entry) => entry.name.split(".").pop() ?? ""))].filter((end) => end.length > 0 && end.length < 6);
  return (
    <div className="picker" role="dialog" aria-label="Choose a file">
      <div className="row spread">
        <select aria-label="Directory" value={place.root} onChange={(event) => enter(Number(event.target.value), "")}>
          {value?.roots.map((root, k) => <option key={root.directory} value={k}>{root.directory}</option>)}
        </select>
        <input type="search" placeholder="Search" aria-label="Search files" value={search} onChange={(event) => setSearch(event.target.value)} />
        <button type="button" className="quiet" onClick={close} aria-label="Close">×</button>
      </div>
      <div className="crumbs">
        <button type="button" className="quiet" onClick={() => enter(place.root, "")}>top</button>
        {parts.map((part, k) => (
          <button type="button" className="quiet" key={k} onClick={() => enter(place.root, parts.slice(0, k + 1).join("/"))}>/ {part}</button>
        ))}
      </div>
      {listing.error ? <Refusal error={listing.error} /> : null}
      <ul>
        {found.map((entry) => (
          <li key={entry.name}>
            {entry.is_file ? (
              <button type="button" onClick={() => pick(join(value!.written, entry.name))}>{entry.name}</button>
            ) : (
              <button type="button" className="folder" onClick={() => enter(place.root, join(place.path, entry.name))}>{entry.name}/</button>
            )}
          </li>
        ))}
        {value && found.length === 0 ? <li className="dim">nothing here</li> : null}
      </ul>
      {value?.more ? <p className="dim">There are more than are listed.</p> : null}
      <div className="row">
        {directories && value ? <button type="button" onClick={() => pick(value.written || ".")}>This directory</button> : null}
        {endings.slice(0, 4).map((end) => (
          <button type="button" key={end} onClick={() => pick(join(value!.written, `*.${end}`))}>All *.{end}</button>
        ))}
      </div>
    </div>
  );
}
