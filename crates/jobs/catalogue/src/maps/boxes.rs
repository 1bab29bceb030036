//! Do maps belong together? Looked at in their headers before, and in their voxels when they are read.

use thon_contract::kinds::{MapKind, MaskKind};
use thon_contract::{Artifact, Context, Finding, Item, ItemRecord, JobError, Kind};
use thon_images::mrc::{Mrc, MrcHeader};
use thon_model::{Map, Mask};

/// Headers hold the voxel size as f32 cell edges: 0.1 % covers their rounding.
const SAME_VOXEL_SIZE: f64 = 1e-3;

/// What an input slot refers to.
pub(crate) fn records<K: Kind>(artifact: &Artifact<K>) -> Vec<ItemRecord> {
    let items = artifact.items().iter();
    items.map(|item| item.record.clone()).collect()
}

/// Number of voxels of an input's first map, from its header; 0 when it cannot be read.
pub(crate) fn voxels<K: Kind>(artifact: &Artifact<K>, context: &Context) -> u64 {
    let header = records(artifact)
        .first()
        .and_then(|record| header(record, context).ok());
    header.map_or(0, |header| {
        header.shape().iter().map(|&n| n as u64).product()
    })
}

/// Largest map whose voxels are looked at before a job starts, bytes; those of larger ones are when they are read.
const LOOKED_AT: u64 = 1 << 28;

/// What is wrong with maps that must share box and voxel size: the first is the measure of the others. Voxels that are no
/// numbers, and maps or masks that are the same everywhere, are wrong as well; the slot of a mask is called so.
pub(crate) fn box_findings(slots: &[(&str, Vec<ItemRecord>)], context: &Context) -> Vec<Finding> {
    let mut findings = shape_findings(slots, context);
    if findings.is_empty() {
        let items = slots
            .iter()
            .flat_map(|(slot, items)| items.iter().map(move |item| (slot, item)));
        findings.extend(items.filter_map(|(slot, item)| voxel_fault(slot, item, context)));
    }
    findings
}

fn voxel_fault(slot: &str, item: &ItemRecord, context: &Context) -> Option<Finding> {
    let header = header(item, context).ok()?;
    if 4 * header.shape().iter().map(|&n| n as u64).product::<u64>() > LOOKED_AT {
        return None;
    }
    let fault = if slot == "mask" {
        read_mask(&Item::new(item.clone()), context).err()
    } else {
        load_usable(slot, &Item::new(item.clone()), context).err()
    };
    let mut finding = crate::import::given_files::finding(slot, &fault?);
    if let Some(rest) = finding.message.strip_prefix(&format!("{slot}: ")) {
        finding.message = rest.to_owned();
    }
    Some(finding)
}

fn shape_findings(slots: &[(&str, Vec<ItemRecord>)], context: &Context) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut measure: Option<(&str, [usize; 3], f64)> = None;
    for (slot, items) in slots {
        let [item] = items.as_slice() else {
            let message = format!("expected one map, found {}", items.len());
            findings.push(Finding::error(*slot, message));
            continue;
        };
        match box_of(item, context) {
            Err(e) => findings.push(Finding::error(*slot, e.to_string())),
            Ok((shape, voxel_size)) => match measure {
                None => measure = Some((slot, shape, voxel_size)),
                Some(first) => findings.extend(difference(first, slot, shape, voxel_size)),
            },
        }
    }
    findings
}

fn difference(
    (first, measure, voxel): (&str, [usize; 3], f64),
    slot: &str,
    shape: [usize; 3],
    voxel_size: f64,
) -> Option<Finding> {
    let voxels = |[z, y, x]: [usize; 3]| format!("{x} × {y} × {z} voxels");
    let message = if shape != measure {
        format!(
            "expected {} as in {first}, found {}",
            voxels(measure),
            voxels(shape)
        )
    } else if (voxel_size / voxel - 1.0).abs() > SAME_VOXEL_SIZE {
        format!("expected voxels of {voxel:.4} Å as in {first}, found {voxel_size:.4} Å")
    } else {
        return None;
    };
    Some(Finding::error(slot, message).with_hint("all must come from the same box"))
}

pub(crate) fn box_of(item: &ItemRecord, context: &Context) -> Result<([usize; 3], f64), JobError> {
    let header = header(item, context)?;
    let voxel_size = header.pixel_size().filter(|size| *size > 0.0);
    let voxel_size = voxel_size.ok_or_else(|| JobError::Data {
        message: format!("{}: the header states no voxel size", item.name),
        hint: "set it in the header (cell dimensions divided by the grid)".into(),
    })?;
    Ok((header.shape(), voxel_size))
}

fn header(item: &ItemRecord, context: &Context) -> Result<MrcHeader, JobError> {
    let file = item
        .files
        .first()
        .ok_or_else(|| JobError::data(format!("{} has no file", item.name)))?;
    let path = context.resolve(file);
    Mrc::read_header(&path).map_err(|e| JobError::file(&path, e))
}

/// Loads a map whose voxels can be worked with: finite, and not all the same.
pub(crate) fn load_usable(
    slot: &str,
    item: &Item<MapKind>,
    context: &Context,
) -> Result<Map, JobError> {
    let map = context.load(item)?;
    let bad = map.data.iter().filter(|v| !v.is_finite()).count();
    if bad > 0 {
        let voxels = if bad == 1 { "voxel is" } else { "voxels are" };
        let message = format!("{slot}: {bad} {voxels} infinite or not a number");
        return Err(JobError::data(message));
    }
    let first = map.data.iter().next().copied();
    if map.data.iter().all(|v| Some(*v) == first) {
        return Err(JobError::data(format!("{slot}: the map is constant")));
    }
    Ok(map)
}

/// Loads a mask that tells an inside from an outside.
pub(super) fn load_mask(mask: &Artifact<MaskKind>, context: &Context) -> Result<Mask, JobError> {
    read_mask(mask.single()?, context)
}

fn read_mask(mask: &Item<MaskKind>, context: &Context) -> Result<Mask, JobError> {
    let mask = context.load(mask)?;
    let first = mask.0.data.iter().next().copied().unwrap_or(0.0);
    if mask.0.data.iter().any(|v| *v != first) {
        return Ok(mask);
    }
    let message = if first == 0.0 {
        "the mask is black".to_owned()
    } else {
        format!("the mask is {first} everywhere: nothing lies outside")
    };
    Err(JobError::Data {
        message,
        hint: "leave the mask empty, or take one that is 1 on the particle and 0 around it".into(),
    })
}
