//! Averages at their particles as scenes of other programs: one mesh with many transforms as GLB (Blender, the browser), and a script of
//! ChimeraX.
//!
//! GLB is glTF 2.0 with `EXT_mesh_gpu_instancing`: units are Å, positions count from the middle of the tomogram's first voxel, as the volume
//! itself is shown. Lists of particles for ArtiaX are written by [`crate::particles`].

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use thon_geometry::{Grid, Pose};

/// One average of a scene and its particles.
#[derive(Clone, Debug)]
pub struct SceneObject {
    /// Name.
    pub name: String,
    /// Colour, red, green, blue in 0 to 1.
    pub colour: [f32; 3],
    /// Corners of its surface, Å from the centre voxel.
    pub corners: Vec<[f32; 3]>,
    /// Triangles by their corners, counter-clockwise from outside.
    pub triangles: Vec<[u32; 3]>,
    /// Where its particles are, in the specimen.
    pub poses: Vec<Pose>,
}

const ARRAY: u32 = 34962;
const ELEMENTS: u32 = 34963;
const FLOAT: u32 = 5126;
const WHOLE: u32 = 5125;

/// What a glTF document points into.
#[derive(Default)]
struct Buffers {
    bytes: Vec<u8>,
    views: Vec<Value>,
    accessors: Vec<Value>,
}

impl Buffers {
    /// Adds values; gives the number of their accessor.
    fn add(&mut self, bytes: Vec<u8>, target: Option<u32>, mut accessor: Value) -> usize {
        let offset = self.bytes.len();
        let mut view = json!({"buffer": 0, "byteOffset": offset, "byteLength": bytes.len()});
        if let Some(target) = target {
            view["target"] = json!(target);
        }
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        accessor["bufferView"] = json!(self.views.len());
        self.views.push(view);
        self.accessors.push(accessor);
        self.accessors.len() - 1
    }

    /// Adds single-precision numbers of `count` vectors.
    fn add_floats(
        &mut self,
        values: impl Iterator<Item = f32>,
        target: Option<u32>,
        mut accessor: Value,
    ) -> usize {
        accessor["componentType"] = json!(FLOAT);
        self.add(
            values.flat_map(f32::to_le_bytes).collect(),
            target,
            accessor,
        )
    }
}

/// Adds an object's surface and transforms; gives its primitive and its attributes of instances.
fn add_object(object: &SceneObject, grid: &Grid, buffers: &mut Buffers) -> (Value, Value) {
    let extreme = |start: f32, pick: fn(f32, f32) -> f32| -> Vec<f32> {
        let along = |k: usize| object.corners.iter().map(move |corner| corner[k]);
        (0..3).map(|k| along(k).fold(start, pick)).collect()
    };
    let position = buffers.add_floats(
        object.corners.iter().flatten().copied(),
        Some(ARRAY),
        json!({
            "count": object.corners.len(), "type": "VEC3",
            "min": extreme(f32::INFINITY, f32::min), "max": extreme(f32::NEG_INFINITY, f32::max),
        }),
    );
    let triangles = object.triangles.iter().flatten();
    let indices = buffers.add(
        triangles.flat_map(|corner| corner.to_le_bytes()).collect(),
        Some(ELEMENTS),
        json!({"componentType": WHOLE, "count": 3 * object.triangles.len(), "type": "SCALAR"}),
    );
    let count = object.poses.len();
    let place = |pose: &Pose| {
        let place = grid.index_of(pose.position) * grid.voxel_size.0;
        place.to_array().map(|v| v as f32)
    };
    let places = object.poses.iter().flat_map(place);
    let translation = buffers.add_floats(places, None, json!({"count": count, "type": "VEC3"}));
    let turn = |pose: &Pose| pose.rotation.quaternion().to_array().map(|v| v as f32);
    let turns = object.poses.iter().flat_map(turn);
    let rotation = buffers.add_floats(turns, None, json!({"count": count, "type": "VEC4"}));
    (
        json!({"attributes": {"POSITION": position}, "indices": indices}),
        json!({"TRANSLATION": translation, "ROTATION": rotation}),
    )
}

/// Bytes of a GLB file; `grid` is the tomogram's.
pub fn glb(objects: &[SceneObject], grid: &Grid) -> Vec<u8> {
    let mut buffers = Buffers::default();
    let (mut meshes, mut materials, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
    let shown = |object: &&SceneObject| !object.triangles.is_empty() && !object.poses.is_empty();
    for object in objects.iter().filter(shown) {
        let (mut primitive, attributes) = add_object(object, grid, &mut buffers);
        let [r, g, b] = object.colour;
        let surface = json!({"baseColorFactor": [r, g, b, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.9});
        primitive["material"] = json!(materials.len());
        materials.push(json!({"name": object.name, "pbrMetallicRoughness": surface}));
        nodes.push(json!({
            "name": object.name, "mesh": meshes.len(),
            "extensions": {"EXT_mesh_gpu_instancing": {"attributes": attributes}},
        }));
        meshes.push(json!({"name": object.name, "primitives": [primitive]}));
    }
    let roots: Vec<usize> = (0..nodes.len()).collect();
    let whole = json!({
        "asset": {"version": "2.0", "generator": "thon", "extras": {"unit": "angstrom"}},
        "extensionsUsed": ["EXT_mesh_gpu_instancing"],
        "extensionsRequired": ["EXT_mesh_gpu_instancing"],
        "scene": 0, "scenes": [{"nodes": roots}], "nodes": nodes, "meshes": meshes,
        "materials": materials, "accessors": buffers.accessors, "bufferViews": buffers.views,
        "buffers": [{"byteLength": buffers.bytes.len()}],
    });
    let mut text = whole.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(4), b' ');
    let total = 12 + 8 + text.len() + 8 + buffers.bytes.len();
    let mut out = b"glTF".to_vec();
    out.extend(2u32.to_le_bytes());
    out.extend((total as u32).to_le_bytes());
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(b"JSON");
    out.extend(text);
    out.extend((buffers.bytes.len() as u32).to_le_bytes());
    out.extend(b"BIN\0");
    out.extend(buffers.bytes);
    out
}

/// A map of a ChimeraX scene.
#[derive(Clone, Debug)]
pub struct SceneMap {
    /// Its file, as the script names it.
    pub file: String,
    /// Voxels `[z, y, x]` and voxel size, Å.
    pub grid: Grid,
    /// Level of its surface.
    pub level: f32,
    /// Colour, red, green, blue in 0 to 1.
    pub colour: [f32; 3],
    /// Where its particles are.
    pub poses: Vec<Pose>,
}

/// A script for ChimeraX: the tomogram as a slice, and each map at each particle (`view matrix`), the maps opened once per particle.
pub fn chimerax(tomogram: &Path, grid: &Grid, maps: &[SceneMap]) -> String {
    let mut out = String::new();
    let middle = grid.dims[0] / 2;
    let _ = writeln!(out, "open \"{}\" id 1", tomogram.display());
    let _ = writeln!(
        out,
        "volume #1 voxelSize {0} originIndex 0,0,0",
        grid.voxel_size.0
    );
    let _ = writeln!(
        out,
        "volume #1 style image region 0,0,{middle},{},{},{middle}",
        grid.dims[2] - 1,
        grid.dims[1] - 1
    );
    let mut id = 2;
    for map in maps {
        let [r, g, b] = map.colour.map(|v| (100.0 * v).round());
        for pose in &map.poses {
            let _ = writeln!(out, "open \"{}\" id {id}", map.file);
            let _ = writeln!(
                out,
                "volume #{id} voxelSize {} originIndex 0,0,0",
                map.grid.voxel_size.0
            );
            let _ = writeln!(
                out,
                "volume #{id} level {} color rgb({r}%,{g}%,{b}%)",
                map.level
            );
            // The map's own origin is its first voxel: turn about its centre, then move there.
            let turn = pose.rotation.matrix();
            let centre = map.grid.centre_index() * map.grid.voxel_size.0;
            let to = grid.index_of(pose.position) * grid.voxel_size.0 - turn * centre;
            let rows = turn.transpose();
            let row = |axis: usize| {
                let r = rows.col(axis);
                format!("{:.9},{:.9},{:.9},{:.4}", r.x, r.y, r.z, to[axis])
            };
            let _ = writeln!(
                out,
                "view matrix models #{id},{},{},{}",
                row(0),
                row(1),
                row(2)
            );
            id += 1;
        }
    }
    out.push_str("view\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_geometry::{Point, Rotation};
    use thon_units::{PixelSize, Radians};

    #[test]
    fn a_scene_holds_meshes_once_and_particles_as_transforms() {
        let mut grid = Grid::new([10, 20, 30], PixelSize(2.0));
        grid.centre = Point::new(5.0, 0.0, 0.0);
        let pose = Pose::new(Rotation::about_z(Radians(0.5)), Point::new(7.0, -4.0, 2.0));
        let object = SceneObject {
            name: "a".into(),
            colour: [1.0, 0.5, 0.0],
            corners: vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]],
            triangles: vec![[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]],
            poses: vec![pose; 5],
        };
        let bytes = glb(&[object], &grid);
        let length = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((&bytes[..4], length(8)), (&b"glTF"[..], bytes.len()));
        let text: Value = serde_json::from_slice(&bytes[20..20 + length(12)]).unwrap();
        let data = &bytes[28 + length(12)..];
        assert_eq!(text["buffers"][0]["byteLength"], data.len());
        let used = &text["nodes"][0]["extensions"]["EXT_mesh_gpu_instancing"]["attributes"];
        let accessor = &text["accessors"][used["TRANSLATION"].as_u64().unwrap() as usize];
        assert_eq!(accessor["count"], 5);
        let view = &text["bufferViews"][accessor["bufferView"].as_u64().unwrap() as usize];
        let at = view["byteOffset"].as_u64().unwrap() as usize;
        let x = f32::from_le_bytes(data[at..at + 4].try_into().unwrap());
        // Index 15 + (7 − 5)/2 = 16 at 2 Å.
        assert_eq!(x, 32.0);
    }

    #[test]
    fn a_script_places_the_centre_of_the_map_on_the_particle() {
        let grid = Grid::new([10, 20, 30], PixelSize(2.0));
        let pose = Pose::new(Rotation::about_z(Radians(0.5)), Point::new(7.0, -4.0, 2.0));
        let map = SceneMap {
            file: "a.mrc".into(),
            grid: Grid::new([8, 8, 8], PixelSize(3.0)),
            level: 0.1,
            colour: [1.0, 0.5, 0.0],
            poses: vec![pose],
        };
        let text = chimerax(Path::new("t.mrc"), &grid, &[map]);
        let line = text
            .lines()
            .find(|line| line.starts_with("view matrix"))
            .unwrap();
        let numbers: Vec<f64> = line
            .split(',')
            .skip(1)
            .map(|word| word.parse().unwrap())
            .collect();
        let centre = [12.0; 3];
        let at = |row: usize| {
            (0..3)
                .map(|k| numbers[4 * row + k] * centre[k])
                .sum::<f64>()
                + numbers[4 * row + 3]
        };
        let wanted = [37.0, 16.0, 12.0];
        for (row, wanted) in wanted.iter().enumerate() {
            assert!((at(row) - wanted).abs() < 1e-3, "{} {wanted}", at(row));
        }
    }
}
