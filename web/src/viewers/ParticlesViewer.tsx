// Particles in space: a cone each, pointing along the z axis of the reference, coloured by class, half or series.
import { useEffect, useMemo, useRef, useState } from "react";
import * as THREE from "three";
import { get } from "../api/client";
import type { Particles } from "../api/types";
import { useLoad } from "../app/load";
import { api, type ObjectPlace } from "../app/objects";
import { colour, useTheme } from "../app/theme";
import { Note, Refusal } from "../parts/Note";
import { Slider } from "../parts/Slider";
import { Classes } from "./Classes";
import { openScene } from "./scene";

/** Particles drawn at most. */
const MOST = 50_000;
const ROWS = 100;

export default function ParticlesViewer({ place }: { place: ObjectPlace }) {
  const loaded = useLoad(api(place, `particles?limit=${MOST}`), (key) => get<Particles>(key));
  if (loaded.error) return <Refusal error={loaded.error} />;
  return loaded.value ? <Shown place={place} particles={loaded.value} /> : <p className="dim">Reading the particles …</p>;
}

type Colouring = "class" | "half" | "series";

function Shown({ place, particles }: { place: ObjectPlace; particles: Particles }) {
  const [series, setSeries] = useState(0);
  const [size, setSize] = useState(120);
  const [by, setBy] = useState<Colouring>(particles.class.length > 0 ? "class" : "half");
  const [rows, setRows] = useState(ROWS);
  const chosen = useMemo(() => particles.x.map((_, k) => k).filter((k) => particles.series[k] === series), [particles, series]);
  const groups = by === "class" ? particles.class : by === "half" ? particles.half : particles.series;
  if (particles.total === 0) return <Note tone="plain">The set is empty.</Note>;
  return (
    <div className="particles">
      <div className="tools">
        {particles.tilt_series.length > 1 ? (
          <select aria-label="Tilt series" value={series} onChange={(event) => setSeries(Number(event.target.value))}>
            {particles.tilt_series.map((name, k) => <option key={name} value={k}>{name}</option>)}
          </select>
        ) : null}
        <select aria-label="Colour by" value={by} onChange={(event) => setBy(event.target.value as Colouring)}>
          {particles.class.length > 0 ? <option value="class">colour by class</option> : null}
          {particles.half.length > 0 ? <option value="half">colour by half</option> : null}
          <option value="series">one colour</option>
        </select>
        <Slider label="Size" value={size} low={20} high={500} step={10} change={setSize} shown={`${size} Å`} />
        <span className="dim num">{chosen.length} here, {particles.total} in all{particles.total > particles.x.length ? `, the first ${particles.x.length} shown` : ""}</span>
      </div>
      <Space particles={particles} chosen={chosen} groups={groups} size={size} />
      <Classes place={place} particles={particles} />
      {particles.oriented ? null : <Note tone="plain">The particles have no orientations yet.</Note>}
      <div className="scroll">
        <table className="numbers">
          <thead><tr><th>Particle</th><th className="num">x (Å)</th><th className="num">y (Å)</th><th className="num">z (Å)</th>{particles.half.length > 0 ? <th className="num">half</th> : null}{particles.class.length > 0 ? <th className="num">class</th> : null}</tr></thead>
          <tbody>
            {chosen.slice(0, rows).map((k) => (
              <tr key={k}>
                <td>{particles.names[k] ?? k + 1}</td>
                <td className="num">{particles.x[k]!.toFixed(1)}</td>
                <td className="num">{particles.y[k]!.toFixed(1)}</td>
                <td className="num">{particles.z[k]!.toFixed(1)}</td>
                {particles.half.length > 0 ? <td className="num">{particles.half[k]}</td> : null}
                {particles.class.length > 0 ? <td className="num">{particles.class[k]}</td> : null}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {chosen.length > rows ? <button onClick={() => setRows(rows + 5 * ROWS)}>More rows</button> : null}
    </div>
  );
}

function Space({ particles, chosen, groups, size }: { particles: Particles; chosen: number[]; groups: number[]; size: number }) {
  const place = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  useEffect(() => {
    const element = place.current;
    if (!element || chosen.length === 0) return;
    const view = openScene(element);
    const geometry = particles.oriented ? new THREE.ConeGeometry(0.32, 1, 14).rotateX(Math.PI / 2) : new THREE.SphereGeometry(0.4, 12, 8);
    const material = new THREE.MeshStandardMaterial({ roughness: 0.6 });
    const cones = new THREE.InstancedMesh(geometry, material, chosen.length);
    const box = new THREE.Box3();
    chosen.forEach((k) => box.expandByPoint(new THREE.Vector3(particles.x[k], particles.y[k], particles.z[k])));
    const centre = box.getCenter(new THREE.Vector3());
    const turn = new THREE.Quaternion();
    const up = new THREE.Vector3(0, 0, 1);
    const palette = ["c1", "c2", "c3", "c4", "c5", "c6"].map((name) => new THREE.Color(colour(name)));
    chosen.forEach((k, row) => {
      const at = new THREE.Vector3(particles.x[k], particles.y[k], particles.z[k]).sub(centre);
      turn.setFromUnitVectors(up, new THREE.Vector3(...particles.axis[k]!).normalize());
      cones.setMatrixAt(row, new THREE.Matrix4().compose(at, turn, new THREE.Vector3(size, size, size)));
      cones.setColorAt(row, palette[(groups[k] ?? 0) % palette.length]!);
    });
    const frame = new THREE.Box3Helper(box.clone().translate(centre.clone().negate()).expandByScalar(size), new THREE.Color(colour("edge")));
    view.scene.add(cones, frame);
    view.look(0.5 * box.getSize(new THREE.Vector3()).length() + size);
    element.dataset.particles = String(chosen.length);
    return () => {
      geometry.dispose();
      material.dispose();
      cones.dispose();
      view.close();
    };
  }, [particles, chosen, groups, size, theme]);
  return <div className="spacebox" ref={place} role="img" aria-label="Particles in space" />;
}
