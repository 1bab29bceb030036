// A three-dimensional scene with a camera that turns around it; drawn only when something changed.
import * as THREE from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";

export interface Scene {
  scene: THREE.Scene;
  draw: () => void;
  /** Puts the camera so that a sphere of this radius is in view. */
  look: (radius: number) => void;
  /** Tells when drawing cannot keep up while one turns the scene, and when it is still again. */
  onHurry: (tell: (hurry: boolean) => void) => void;
  close: () => void;
}

/** Milliseconds between two frames that are too many, … */
const SLOW = 45;
/** … and without a turn until all is drawn again. */
const STILL = 250;

export function openScene(element: HTMLElement): Scene {
  const renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true });
  const fine = Math.min(devicePixelRatio, 2);
  renderer.setPixelRatio(fine);
  element.appendChild(renderer.domElement);
  const scene = new THREE.Scene();
  const camera = new THREE.PerspectiveCamera(35, 1, 0.1, 1e6);
  camera.up.set(0, 1, 0);
  const light = new THREE.DirectionalLight(0xffffff, 2.4);
  light.position.set(0.4, 0.7, 1);
  camera.add(light);
  scene.add(camera, new THREE.HemisphereLight(0xe8f4ff, 0x30363c, 1.2));
  const controls = new OrbitControls(camera, renderer.domElement);
  let waiting = 0;
  let last = 0;
  let slow = 0;
  let slowly = false;
  let turning = false;
  let still: ReturnType<typeof setTimeout> | undefined;
  let hurry: ((hurry: boolean) => void) | null = null;
  const draw = () => {
    if (waiting) return;
    waiting = requestAnimationFrame((now) => {
      waiting = 0;
      // Frames that come one after the other while somebody turns say how fast the machine draws.
      slow = turning && last > 0 && now - last > SLOW ? slow + 1 : 0;
      last = now;
      if (slow === 2) {
        slowly = true;
        rush(true);
      }
      renderer.render(scene, camera);
      element.dataset.frames = String(Number(element.dataset.frames ?? 0) + 1);
    });
  };
  /** Coarser pixels, and whatever else whoever made the scene leaves out, while drawing cannot keep up. */
  const rush = (now: boolean) => {
    const ratio = now && hurry ? fine / 2 : fine;
    if (renderer.getPixelRatio() !== ratio) renderer.setPixelRatio(ratio);
    hurry?.(now);
  };
  const settle = () => {
    clearTimeout(still);
    still = setTimeout(() => {
      if (turning) return;
      rush(false);
      draw();
    }, STILL);
  };
  controls.addEventListener("start", () => {
    [turning, slow, last] = [true, 0, 0];
    // A machine that was too slow once is not tried again.
    if (slowly) rush(true);
  });
  controls.addEventListener("end", () => {
    turning = false;
    settle();
  });
  controls.addEventListener("change", () => {
    draw();
    if (!turning) settle();
  });
  const fit = new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = element;
    if (width === 0 || height === 0) return;
    renderer.setSize(width, height);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    draw();
  });
  fit.observe(element);
  const look = (radius: number) => {
    const distance = (1.15 * radius) / Math.sin((camera.fov * Math.PI) / 360);
    camera.position.set(0.35 * distance, 0.3 * distance, 0.89 * distance);
    camera.near = distance / 100;
    camera.far = distance * 10;
    camera.updateProjectionMatrix();
    controls.target.set(0, 0, 0);
    controls.update();
    draw();
  };
  const close = () => {
    cancelAnimationFrame(waiting);
    clearTimeout(still);
    fit.disconnect();
    controls.dispose();
    renderer.dispose();
    renderer.domElement.remove();
  };
  const onHurry = (tell: (hurry: boolean) => void) => { hurry = tell; };
  return { scene, draw, look, onHurry, close };
}
