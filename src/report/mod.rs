//! The report: one page of HTML about images, from values to text.
//!
//! The page works without scripts, loads nothing, and is the same for the same images. Everything that images contain is
//! hostile: `maud` escapes it. Nothing here reads a file, knows where an image is, or judges it.

mod drawing;
mod environment;
mod image_report;
mod image_section;
mod markup;
mod page;
mod size_tree;
mod startup;
#[cfg(test)]
mod tests;
mod treemap;

pub(crate) use image_report::{ImageIdentity, ImageReport, ReportedFinding, ReportedFindings};
pub(crate) use page::page;
