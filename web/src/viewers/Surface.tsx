// The surface of a map at a threshold.
import { useEffect, useRef, useState } from "react";
import * as THREE from "three";
import { packed, type Packed } from "../api/client";
import type { VolumeSummary } from "../api/types";
import { useLoad } from "../app/load";
import { api, type ObjectPlace } from "../app/objects";
import { colour, useTheme } from "../app/theme";
import { number } from "../app/words";
import { Refusal } from "../parts/Note";
import { Slider } from "../parts/Slider";
import type { Mesh } from "./nets";
import { openScene, type Scene } from "./scene";

export default function Surface({ place, summary }: { place: ObjectPlace; summary: VolumeSummary }) {
  const volume = useLoad(api(place, "density?size=160"), (key) => packed(key));
  if (volume.error) return <Refusal error={volume.error} />;
  return volume.value ? <Shown volume={volume.value} summary={summary} /> : <p className="dim">Reading the map …</p>;
}

function Shown({ volume, summary }: { volume: Packed; summary: VolumeSummary }) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<{ scene: Scene; mesh: THREE.Mesh; worker: Worker } | null>(null);
  const theme = useTheme();
  // In deviations of the density; a particle stands out of its box by a few.
  const most = Math.max(1, (volume.high - summary.mean) / Math.max(summary.deviation, 1e-30));
  const [sigma, setSigma] = useState(Math.min(2.5, most / 2));
  const level = summary.mean + sigma * summary.deviation;
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const scene = openScene(element);
    const material = new THREE.MeshStandardMaterial({ color: 0x8fb8c4, roughness: 0.55, metalness: 0.05, side: THREE.DoubleSide });
    const mesh = new THREE.Mesh(new THREE.BufferGeometry(), material);
    scene.scene.add(mesh);
    const worker = new Worker(new URL("./netsWorker.ts", import.meta.url), { type: "module" });
    worker.onmessage = (event: MessageEvent<Mesh>) => {
      const geometry = new THREE.BufferGeometry();
      geometry.setAttribute("position", new THREE.BufferAttribute(event.data.positions, 3));
      geometry.setAttribute("normal", new THREE.BufferAttribute(event.data.normals, 3));
      geometry.setIndex(new THREE.BufferAttribute(event.data.indices, 1));
      mesh.geometry.dispose();
      mesh.geometry = geometry;
      element.dataset.triangles = String(event.data.indices.length / 3);
      scene.draw();
    };
    worker.postMessage({ volume: { data: volume.data, size: [volume.nx, volume.ny, volume.nz] } });
    scene.look(0.5 * Math.max(volume.nx, volume.ny, volume.nz));
    view.current = { scene, mesh, worker };
    return () => {
      worker.terminate();
      mesh.geometry.dispose();
      material.dispose();
      scene.close();
      view.current = null;
    };
  }, [volume]);
  useEffect(() => {
    const timer = setTimeout(() => {
      const width = Math.max(volume.high - volume.low, 1e-30);
      view.current?.worker.postMessage({ level: ((level - volume.low) / width) * 65535 });
    }, 60);
    return () => clearTimeout(timer);
  }, [level, volume]);
  useEffect(() => {
    if (!view.current) return;
    (view.current.mesh.material as THREE.MeshStandardMaterial).color.set(colour("surface"));
    view.current.scene.draw();
  }, [theme, volume]);
  return (
    <figure className="surface">
      <div className="surfacebox" ref={place} role="img" aria-label="Surface of the map" />
      <figcaption>
        <Slider label="Threshold" value={sigma} low={0} high={most} step={most / 300} change={setSigma} shown={`${number(level)} (${sigma.toFixed(1)} σ)`} />
      </figcaption>
    </figure>
  );
}
