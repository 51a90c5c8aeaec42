//! An image must not be larger than Lambda allows.

use super::Subject;
use crate::finding::{Code, Finding, Help, Setting};
use crate::plan::ImagePlan;
use crate::project::Function;
use crate::tree::{IMAGE_SIZE_LIMIT, TreeError};
use crate::units;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let Subject { function, base_size, plan, .. } = *subject;
    Ok(of_image(function, plan, base_size).into_iter().collect())
}

/// The finding about an image that is too large, if it is.
pub(crate) fn of_image(function: &Function, plan: &ImagePlan<'_>, base_size: u64) -> Option<Finding> {
    let own = plan.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add);
    let size = own.saturating_add(base_size);
    if size <= IMAGE_SIZE_LIMIT {
        return None;
    }
    let message = format!(
        "the image of `{}` would be at least {}, of which the base is {}; Lambda allows {}",
        function.name,
        units::size(size),
        units::size(base_size),
        units::limit(IMAGE_SIZE_LIMIT)
    );
    let help = Help::from(Setting::Exclude).or("fetch large files from S3 when the function starts");
    Some(Finding::error(Code::ImageTooLarge, function.places.function.clone(), message).help(help))
}
