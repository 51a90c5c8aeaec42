//! What a function can load, and which wheel is the best for it (platform compatibility tags).

use super::mismatch::{self, Mismatch};
use super::name::WheelName;
use crate::project::Architecture;

/// `CPython` 3 on Linux with glibc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PythonTarget {
    /// The second number of the version of `CPython`: 12 of 3.12.
    pub python_minor: u32,
    /// The second number of the version of glibc: 34 of 2.34.
    pub glibc_minor: u32,
    /// The architecture.
    pub architecture: Architecture,
}

/// The oldest glibc that manylinux tags are for: 2.5 is that of manylinux1, and 2.17 the first with tags for arm64 (PEP 599).
const OLDEST_GLIBC: u32 = 5;
const OLDEST_GLIBC_ARM64: u32 = 17;

impl PythonTarget {
    /// The platforms of wheels with compiled code that fit, the best first.
    ///
    /// The last one, `linux_ARCH`, says nothing of glibc. `PyPI` does not accept such wheels, but they are what a build on
    /// this machine makes, and what some private indexes contain; pip and uv take them.
    #[must_use]
    pub fn platforms(&self) -> Vec<String> {
        let architecture = self.architecture.linux_name();
        let oldest = match self.architecture {
            Architecture::X86_64 => OLDEST_GLIBC,
            Architecture::Arm64 => OLDEST_GLIBC_ARM64,
        };
        let mut platforms = Vec::new();
        for minor in (oldest..=self.glibc_minor).rev() {
            platforms.push(format!("manylinux_2_{minor}_{architecture}"));
            let name = match minor {
                17 => "manylinux2014",
                12 => "manylinux2010",
                5 => "manylinux1",
                _ => continue,
            };
            platforms.push(format!("{name}_{architecture}"));
        }
        platforms.push(format!("linux_{architecture}"));
        platforms
    }

    /// All tags that fit, the best first, in the order of pip.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        let platforms = self.platforms();
        let any = ["any".to_owned()];
        let minor = self.python_minor;
        let own = format!("cp3{minor}");
        let generic: Vec<_> = [format!("py3{minor}"), "py3".to_owned()]
            .into_iter()
            .chain((0..minor).rev().map(|minor| format!("py3{minor}")))
            .collect();
        let older = (2..minor).rev().map(|minor| (format!("cp3{minor}"), "abi3", &platforms[..]));
        let compiled = [own.as_str(), "abi3", "none"].map(|abi| (own.clone(), abi, &platforms[..]));
        let groups = compiled
            .into_iter()
            .chain(older)
            .chain(generic.iter().map(|python| (python.clone(), "none", &platforms[..])))
            .chain([(own.clone(), "none", &any[..])])
            .chain(generic.iter().map(|python| (python.clone(), "none", &any[..])));
        groups
            .flat_map(|(python, abi, platforms)| {
                platforms.iter().map(move |platform| format!("{python}-{abi}-{platform}"))
            })
            .collect()
    }

    /// The best of several wheels of one version: that with the best tag, and of these that with the highest build. None
    /// if no wheel fits.
    #[must_use]
    pub fn best<'a>(&self, wheels: impl IntoIterator<Item = &'a WheelName>) -> Option<&'a WheelName> {
        let tags = self.tags();
        let rank =
            |wheel: &WheelName| wheel.tags().filter_map(|tag| tags.iter().position(|own| *own == tag)).min();
        let ranked = wheels.into_iter().filter_map(|wheel| Some((rank(wheel)?, wheel)));
        let best = ranked.min_by(|(one_rank, one), (other_rank, other)| {
            one_rank.cmp(other_rank).then_with(|| other.build.cmp(&one.build))
        });
        best.map(|(_, wheel)| wheel)
    }

    /// Why a wheel does not fit; none if it does.
    #[must_use]
    pub fn mismatch(&self, wheel: &WheelName) -> Option<Mismatch> {
        if self.best([wheel]).is_some() {
            return None;
        }
        let architecture = self.architecture.linux_name();
        let platform = wheel
            .platforms
            .iter()
            .map(|platform| mismatch::of_platform(platform, self.glibc_minor, architecture))
            .min()
            .flatten();
        let python = if self.fits_python(wheel) { None } else { Some(Mismatch::Python(pythons(wheel))) };
        // If both differ, the one that is further away.
        platform.max(python).or_else(|| Some(Mismatch::Python(pythons(wheel))))
    }

    /// Whether a Python and a binary interface of the wheel fit, on any platform.
    fn fits_python(&self, wheel: &WheelName) -> bool {
        let platform = format!("linux_{}", self.architecture.linux_name());
        let mut on_any_platform = wheel.clone();
        on_any_platform.platforms = vec![platform, "any".to_owned()];
        self.best([&on_any_platform]).is_some()
    }
}

/// All Pythons that a wheel is for.
fn pythons(wheel: &WheelName) -> String {
    let described = wheel
        .pythons
        .iter()
        .flat_map(|python| wheel.abis.iter().map(move |abi| mismatch::describe_python(python, abi)));
    let mut pythons: Vec<String> = Vec::new();
    for python in described {
        if !pythons.contains(&python) {
            pythons.push(python);
        }
    }
    pythons.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(python_minor: u32, glibc_minor: u32, architecture: Architecture) -> PythonTarget {
        PythonTarget { python_minor, glibc_minor, architecture }
    }

    #[test]
    fn platforms_are_in_falling_order_with_their_old_names() {
        let x86 = target(11, 26, Architecture::X86_64).platforms();
        assert_eq!(x86[0], "manylinux_2_26_x86_64");
        assert_eq!(x86[9..12], ["manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_16_x86_64"]);
        assert_eq!(x86[x86.len() - 3..], ["manylinux_2_5_x86_64", "manylinux1_x86_64", "linux_x86_64"]);
        let arm = target(12, 34, Architecture::Arm64).platforms();
        assert_eq!(arm[0], "manylinux_2_34_aarch64");
        assert_eq!(arm[17..], ["manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"]);
    }

    #[test]
    fn the_best_wheel_has_the_best_tag_and_then_the_highest_build() {
        let target = target(12, 26, Architecture::X86_64);
        for wheels in [
            &["a-1-py3-none-any.whl", "a-1-cp312-cp312-manylinux1_x86_64.whl"][..],
            &["a-1-cp312-cp312-manylinux_2_27_x86_64.whl", "a-1-cp39-abi3-manylinux2014_x86_64.whl"],
            &["a-1-1-cp312-cp312-manylinux_2_5_x86_64.whl", "a-1-cp312-cp312-manylinux_2_17_x86_64.whl"],
            &["a-1-py3-none-any.whl", "a-1-2-py3-none-any.whl", "a-1-10-py3-none-any.whl"],
            &["a-1-cp39-abi3-manylinux_2_17_x86_64.whl", "a-1-cp310-abi3-manylinux_2_5_x86_64.whl"],
            // Any of its tags counts.
            &["a-1-py3-none-any.whl", "a-1-cp312-cp312-manylinux_2_28_x86_64.manylinux_2_5_x86_64.whl"],
        ] {
            let names: Vec<WheelName> = wheels.iter().map(|name| name.parse().unwrap()).collect();
            let best = target.best(&names).unwrap().as_str();
            assert_eq!(best, *wheels.last().unwrap());
            assert_eq!(target.best(names.iter().rev()).unwrap().as_str(), best);
        }
        assert_eq!(target.best(&[]), None);
    }

    #[test]
    fn what_does_not_fit_has_a_reason() {
        let target = target(11, 26, Architecture::X86_64);
        for (tags, reason) in [
            (
                "cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64",
                "needs glibc 2.27, but the image has 2.26",
            ),
            ("cp311-cp311-macosx_11_0_arm64", "is built for macOS"),
            ("cp312-cp312-macosx_11_0_arm64", "is built for macOS"),
            ("cp311-cp311-win_amd64", "is built for Windows"),
            ("cp311-cp311-win32", "is built for Windows"),
            ("cp311-cp311-manylinux2014_aarch64", "is built for aarch64"),
            ("cp311-cp311-manylinux1_i686", "is built for i686"),
            ("cp311-cp311-musllinux_1_2_x86_64", "is built for musl, the C library of Alpine Linux"),
            ("cp312-cp312-manylinux2014_x86_64", "is for CPython 3.12"),
            ("cp312-abi3-manylinux2014_x86_64", "is for CPython 3.12 and newer"),
            ("cp311-cp311t-manylinux2014_x86_64", "is for free-threaded CPython 3.11"),
            ("cp310.pp310-cp310-any", "is for CPython 3.10 or PyPy 3.10"),
            ("py2-none-any", "is for Python 2"),
            ("py312-none-any", "is for Python 3.12"),
            ("jy-none-any", "is for jy"),
            ("cp-none-any", "is for CPython"),
            ("cp311-cp311-manylinux_x86_64", "is built for manylinux_x86_64"),
            ("cp311-cp311-emscripten_3_1_x86_64", "is built for emscripten_3_1_x86_64"),
        ] {
            let wheel = format!("a-1-{tags}.whl").parse().unwrap();
            assert_eq!(target.mismatch(&wheel).map(|it| it.to_string()).as_deref(), Some(reason), "{tags}");
        }
        for tags in
            ["py3-none-any", "cp38-abi3-manylinux2014_x86_64", "cp311-none-linux_x86_64", "py2.py3-none-any"]
        {
            assert_eq!(target.mismatch(&format!("a-1-{tags}.whl").parse().unwrap()), None, "{tags}");
        }
    }

    #[test]
    fn of_several_reasons_the_nearest_is_the_smallest() {
        let target = target(11, 26, Architecture::X86_64);
        let reason = |tags: &str| target.mismatch(&format!("a-1-{tags}.whl").parse().unwrap()).unwrap();
        let reasons = [
            "cp311-cp311-manylinux_2_27_x86_64",
            "cp311-cp311-manylinux_2_28_x86_64",
            "cp312-cp312-manylinux_2_17_x86_64",
            "cp311-cp311-manylinux_2_17_aarch64",
            "cp311-cp311-musllinux_1_2_x86_64",
            "cp311-cp311-macosx_11_0_arm64",
        ]
        .map(reason);
        assert!(reasons.is_sorted(), "{reasons:?}");
    }
}
