//! `--shard I/N`: the functions that one of several machines builds.
//!
//! Names alone decide. What a function costs is not known before it is built.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::project::Function;

/// One of several machines that share a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    /// From 1 to `count`.
    index: usize,
    count: usize,
}

impl Shard {
    /// The functions of this machine, in the given order.
    pub(super) fn functions(self, functions: Vec<Function>) -> Vec<Function> {
        // By image: two machines must not build the same one.
        let own: BTreeSet<String> = self.names(functions.iter().map(|function| function.image.name.as_str()));
        functions.into_iter().filter(|function| own.contains(&function.image.name)).collect()
    }

    /// The names of this machine. No two machines get the same name, and the order of the names does not matter.
    ///
    /// It is every `count`th name in sorted order. A hash of the name would keep a function on its machine when another
    /// function is added, but some machines would get many more functions than others.
    fn names<'n>(self, names: impl Iterator<Item = &'n str>) -> BTreeSet<String> {
        let sorted: BTreeSet<&str> = names.collect();
        sorted.into_iter().skip(self.index - 1).step_by(self.count).map(str::to_owned).collect()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<usize>().ok().filter(|number| is_plain && *number > 0)
        };
        let (index, count) = text.split_once('/').ok_or("use I/N, for example 1/3")?;
        let (Some(index), Some(count)) = (number(index), number(count)) else {
            return Err("I and N must be whole numbers from 1, for example 1/3");
        };
        if index > count {
            return Err("I must not be greater than N");
        }
        Ok(Self { index, count })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_shard_is_one_of_several() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        for bad in
            ["", "1", "0/3", "4/3", "1/0", "a/3", "1/3/5", "-1/3", "+1/3", " 1/3", "1/99999999999999999999"]
        {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    proptest! {
        /// Every function is in exactly one shard, sizes differ by one at most, and the order of names does not matter.
        #[test]
        fn shards_divide_the_functions(
            names in proptest::collection::hash_set("[a-z]{1,3}", 0..20),
            count in 1..8_usize,
        ) {
            let names: Vec<String> = names.into_iter().collect();
            let part = |index| {
                let shard = Shard { index, count };
                let own = shard.names(names.iter().map(String::as_str));
                assert_eq!(own, shard.names(names.iter().rev().map(String::as_str)));
                own
            };
            let parts: Vec<BTreeSet<String>> = (1..=count).map(part).collect();
            let sizes: Vec<usize> = parts.iter().map(BTreeSet::len).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            prop_assert_eq!(sizes.iter().sum::<usize>(), names.len());
            let all: BTreeSet<String> = parts.into_iter().flatten().collect();
            prop_assert_eq!(all, names.into_iter().collect());
        }
    }
}
