//! Files of the function that look like secrets: everyone who can pull the image can read them.

use super::{ImageSubject, is_of_function};
use crate::check::named;
use crate::check::secret_files::is_of_package;
use crate::finding::{Code, Finding};
use crate::project::ImagePath;

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let secrets: Vec<&ImagePath> = subject
        .files
        .contents()
        .filter(|(path, content)| content.looks_secret && is_of_function(path) && !is_of_package(path))
        .map(|(path, _)| path)
        .collect();
    if secrets.is_empty() {
        return Vec::new();
    }
    let message = format!(
        "{} {} like a secret, and everyone who can pull the image can read it",
        named(&secrets),
        if secrets.len() == 1 { "looks" } else { "each look" }
    );
    vec![
        Finding::warning(Code::SecretFile, subject.place.clone(), message)
            .about(&secrets)
            .help("leave it out, and read it from Secrets Manager or Parameter Store at run time"),
    ]
}
