//! The detector's modulation transfer function, from a STAR file.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::{Context, JobError};
use thon_formats::star;
use thon_maps::post_process::TransferCurve;
use thon_units::PixelSize;

/// What is known of the detector.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Detector {
    /// STAR file with the modulation transfer function (`rlnResolutionInversePixel`, `rlnMtfValue`); empty for none.
    #[schemars(extend("x-path" = true))]
    pub mtf: Option<PathBuf>,
    /// Pixel size of the detector in the specimen, to which the curve refers; that of the map when empty.
    pub pixel_size: Option<PixelSize>,
}

/// Reads the detector's modulation transfer function, if one is given.
pub(super) fn transfer_curve(
    detector: &Detector,
    voxel_size: PixelSize,
    context: &Context,
) -> Result<Option<TransferCurve>, JobError> {
    let Some(file) = &detector.mtf else {
        return Ok(None);
    };
    let path = context.resolve(file);
    let document = star::read(&path).map_err(|e| JobError::file(&path, e))?;
    let tables = || document.blocks.iter().flat_map(|block| &block.tables);
    let column = |label: &str| tables().find_map(|table| table.find(label)?.to_f64().ok());
    let (Some(frequency), Some(value)) =
        (column("rlnResolutionInversePixel"), column("rlnMtfValue"))
    else {
        return Err(JobError::file(
            &path,
            "expected the columns rlnResolutionInversePixel and rlnMtfValue",
        ));
    };
    let ratio = voxel_size.0 / detector.pixel_size.unwrap_or(voxel_size).0;
    let curve = TransferCurve::new(frequency.into_iter().zip(value).collect(), ratio);
    curve
        .map(Some)
        .ok_or_else(|| JobError::file(&path, "frequencies must rise and values be positive"))
}
