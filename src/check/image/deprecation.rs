//! Images on a base of AWS whose runtime AWS no longer supports.

use super::ImageSubject;
use crate::check::deprecation;
use crate::finding::Finding;
use crate::runtime::Date;

/// A file that Amazon Linux has, and other systems that an image with the same layout may be based on do not.
const AMAZON_LINUX: &str = "/etc/system-release";

/// The warning on a day, if there is one.
#[must_use]
pub(crate) fn deprecated_runtime(subject: &ImageSubject<'_>, today: Date) -> Option<Finding> {
    let contract = subject.contract().filter(|_| subject.is_file(AMAZON_LINUX))?;
    deprecation::deprecation(subject.place, contract, today)
}
