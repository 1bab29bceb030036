// Particles in space: a cone each, pointing along the z axis of the reference; a point each where they are very many.
import { useEffect, useRef } from "react";
import * as THREE from "three";
import type { Points } from "../api/client";
import { colour, useTheme } from "../app/theme";
import type { Colours } from "./particleColours";
import { openScene } from "./scene";

/** Cones at most; more particles are drawn as points. */
const CONES = 120_000;
/** Points that stand for all while a slow machine turns the scene. */
const QUICK = 20_000;
/** Beyond so many, cones have few sides. */
const ROUND = 8_000;

interface Props { points: Points; colours: Colours; oriented: boolean; size: number }

export function ParticleSpace({ points, colours, oriented, size }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  useEffect(() => {
    const element = place.current;
    if (!element || points.count === 0) return;
    const view = openScene(element);
    const box = new THREE.Box3().setFromArray(points.position);
    const centre = box.getCenter(new THREE.Vector3());
    const shape = points.count > CONES ? cloud(points, colours, centre, size) : cones(points, colours, centre, oriented, size);
    // Where cones cannot be drawn fast enough, points stand for them while the scene turns.
    const quick = points.count > ROUND && points.count <= CONES ? cloud(points, colours, centre, 1.5 * size, QUICK) : null;
    if (quick) {
      quick.object.visible = false;
      view.scene.add(quick.object);
      view.onHurry((hurry) => {
        quick.object.visible = hurry;
        shape.object.visible = !hurry;
        element.dataset.drawn = hurry ? "points" : "cones";
      });
    }
    const frame = new THREE.Box3Helper(box.clone().translate(centre.clone().negate()).expandByScalar(size), new THREE.Color(colour("edge")));
    view.scene.add(shape.object, frame);
    view.look(0.5 * box.getSize(new THREE.Vector3()).length() + size);
    element.dataset.particles = String(points.count);
    element.dataset.drawn = points.count > CONES ? "points" : "cones";
    return () => {
      shape.dispose();
      quick?.dispose();
      frame.dispose();
      view.close();
    };
  }, [points, colours, oriented, size, theme]);
  return <div className="spacebox" ref={place} role="img" aria-label="Particles in space" />;
}

interface Shape { object: THREE.Object3D; dispose: () => void }

function cones(points: Points, colours: Colours, centre: THREE.Vector3, oriented: boolean, size: number): Shape {
  const many = points.count > ROUND;
  const cone = many ? new THREE.ConeGeometry(0.32, 1, 3, 1, true) : new THREE.ConeGeometry(0.32, 1, 14);
  const geometry = oriented ? cone.rotateX(Math.PI / 2) : many ? new THREE.OctahedronGeometry(0.4) : new THREE.SphereGeometry(0.4, 12, 8);
  const material = new THREE.MeshStandardMaterial({ roughness: 0.6 });
  const object = new THREE.InstancedMesh(geometry, material, points.count);
  const [turn, up, at, axis] = [new THREE.Quaternion(), new THREE.Vector3(0, 0, 1), new THREE.Vector3(), new THREE.Vector3()];
  const [matrix, scale, tint] = [new THREE.Matrix4(), new THREE.Vector3(size, size, size), new THREE.Color()];
  for (let k = 0; k < points.count; k += 1) {
    at.fromArray(points.position, 3 * k).sub(centre);
    turn.setFromUnitVectors(up, axis.fromArray(points.axis, 3 * k).normalize());
    object.setMatrixAt(k, matrix.compose(at, turn, scale));
    object.setColorAt(k, colours.of(k, tint));
  }
  return { object, dispose: () => { geometry.dispose(); material.dispose(); object.dispose(); } };
}

function cloud(points: Points, colours: Colours, centre: THREE.Vector3, size: number, most = Infinity): Shape {
  const geometry = new THREE.BufferGeometry();
  const every = Math.max(1, Math.ceil(points.count / most));
  const count = Math.ceil(points.count / every);
  const places = new Float32Array(3 * count);
  const tints = new Float32Array(3 * count);
  const tint = new THREE.Color();
  for (let k = 0; k < count; k += 1) {
    const from = k * every;
    places[3 * k] = points.position[3 * from]! - centre.x;
    places[3 * k + 1] = points.position[3 * from + 1]! - centre.y;
    places[3 * k + 2] = points.position[3 * from + 2]! - centre.z;
    colours.of(from, tint).toArray(tints, 3 * k);
  }
  geometry.setAttribute("position", new THREE.BufferAttribute(places, 3));
  geometry.setAttribute("color", new THREE.BufferAttribute(tints, 3));
  const material = new THREE.PointsMaterial({ size: size / 3, vertexColors: true, sizeAttenuation: true });
  return { object: new THREE.Points(geometry, material), dispose: () => { geometry.dispose(); material.dispose(); } };
}
