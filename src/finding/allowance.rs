//! Findings that a user knows of and allows.

use std::sync::atomic::{AtomicBool, Ordering};

use ignore::gitignore::Gitignore;

use super::{Code, Finding, Place};

/// An entry of a definition that allows findings of one kind.
#[derive(Debug)]
pub struct Allowance {
    /// The kind.
    pub code: Code,
    /// Why these findings are allowed, in the user's words.
    pub reason: String,
    /// Which paths of the image they may be about; any findings of the kind if there is none.
    pub paths: Option<Gitignore>,
    /// Where it is written.
    pub place: Place,
    is_used: AtomicBool,
}

impl Allowance {
    /// An allowance that no finding has needed yet.
    #[must_use]
    pub fn new(code: Code, reason: String, paths: Option<Gitignore>, place: Place) -> Self {
        Self { code, reason, paths, place, is_used: AtomicBool::new(false) }
    }

    /// Whether any finding has needed it so far.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// Whether it allows a finding. One that is limited to some paths allows no finding about others, nor one that names no path;
    /// none allows what no image can be made of.
    #[must_use]
    pub fn allows(&self, finding: &Finding) -> bool {
        let is_meant = |paths: &Gitignore| {
            let matches = |path: &String| {
                paths.matched_path_or_any_parents(path.trim_start_matches('/'), false).is_ignore()
            };
            !finding.paths.is_empty() && finding.paths.iter().all(matches)
        };
        let is_avoidable = !(finding.is_error() && finding.code.stops_every_image());
        let allows = finding.code == self.code && is_avoidable && self.paths.as_ref().is_none_or(is_meant);
        if allows {
            self.is_used.store(true, Ordering::Relaxed);
        }
        allows
    }
}

/// Whether one of these entries allows a finding. Each entry that does counts as used.
#[must_use]
pub fn is_allowed(allowances: &[Allowance], finding: &Finding) -> bool {
    allowances.iter().filter(|allowance| allowance.allows(finding)).count() > 0
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ignore::gitignore::GitignoreBuilder;

    use super::*;

    fn allowance(pattern: Option<&str>) -> Allowance {
        let paths = pattern.map(|pattern| {
            let mut builder = GitignoreBuilder::new("");
            builder.add_line(None, pattern).unwrap();
            builder.build().unwrap()
        });
        let place = Place::document(Path::new("/limg.yaml"));
        Allowance::new(Code::MissingLibrary, "never loaded".to_owned(), paths, place)
    }

    fn finding(paths: &[&str]) -> Finding {
        Finding::warning(Code::MissingLibrary, Place::document(Path::new("/limg.yaml")), "it").about(paths)
    }

    #[test]
    fn a_path_is_matched_as_in_gitignore_files() {
        for (pattern, path, expected) in [
            ("/opt/python/lib/", "/opt/python/lib/a.so", true),
            ("/opt/python", "/opt/python/lib/a.so", true),
            ("*.so", "/opt/python/lib/a.so", true),
            ("/opt/**/a.so", "/opt/python/lib/a.so", true),
            ("/python", "/opt/python/lib/a.so", false),
            ("/opt/python/lib/b*", "/opt/python/lib/a.so", false),
        ] {
            assert_eq!(allowance(Some(pattern)).allows(&finding(&[path])), expected, "{pattern}");
        }
    }

    #[test]
    fn all_paths_of_a_finding_have_to_match() {
        let allowance = allowance(Some("/opt/a"));
        assert!(!allowance.allows(&finding(&["/opt/a/x", "/opt/b/x"])));
        assert!(!allowance.allows(&finding(&[])));
        assert!(!allowance.is_used());
        assert!(allowance.allows(&finding(&["/opt/a/x", "/opt/a/y"])));
        assert!(allowance.is_used());
    }

    #[test]
    fn what_no_image_can_be_made_of_is_not_allowed() {
        let place = Place::document(Path::new("/limg.yaml"));
        let allowance = Allowance::new(Code::MissingPackages, "known".to_owned(), None, place.clone());
        assert!(!allowance.allows(&Finding::error(Code::MissingPackages, place.clone(), "it")));
        assert!(allowance.allows(&Finding::warning(Code::MissingPackages, place, "it")));
    }

    #[test]
    fn only_findings_of_its_kind_are_allowed() {
        let other = Finding { code: Code::NewerLibrary, ..finding(&[]) };
        let allowances = [allowance(None)];
        assert!(!is_allowed(&allowances, &other));
        assert!(is_allowed(&allowances, &finding(&[])));
    }
}
