//! Files that look like secrets: an image is read by more people than a function's configuration.

use super::{LISTED, Source, Subject};
use crate::finding::{Code, Finding, Help, Setting};
use crate::project::ImagePath;
use crate::text::first_of;
use crate::tree::TreeError;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    Ok(subject
        .sources()
        .filter(|source| source.has_exclude)
        .filter_map(|source| of_source(&source))
        .collect())
}

/// Whether a file belongs to an installed package: keys that packages bring along for their tests are public.
pub(super) fn is_of_package(path: &ImagePath) -> bool {
    path.folders().any(|folder| folder.ends_with("/node_modules") || folder.ends_with("/site-packages"))
}

fn of_source(source: &Source<'_>) -> Option<Finding> {
    let (installed, own): (Vec<_>, Vec<_>) = source.tree.secrets.iter().partition(|path| is_of_package(path));
    // Those of packages come last.
    let secrets: Vec<_> = own.into_iter().chain(installed).collect();
    if secrets.is_empty() {
        return None;
    }
    let (looks, it, exclude) = match secrets.len() {
        1 => ("this looks like a secret", "it", Setting::Exclude),
        _ => ("these look like secrets", "them", Setting::ExcludeSeveral),
    };
    let message = format!(
        "{} contains {}: {looks}, and everyone who can pull the image can read {it}",
        source.name,
        first_of(LISTED, secrets.iter().map(|path| format!("`{path}`")))
    );
    let help = Help::setting(exclude).or(format!(
        "if the function needs {it}, read {it} from Secrets Manager or Parameter Store at run time"
    ));
    Some(Finding::warning(Code::SecretFile, source.place.clone(), message).about(secrets).help(help))
}
