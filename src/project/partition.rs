//! AWS partitions and region names.

use std::fmt;

/// A part of AWS with accounts, regions and host names of its own (AWS Fault Isolation Boundaries, Partitions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// `aws`: the commercial regions.
    Standard,
    /// `aws-cn`.
    China,
    /// `aws-us-gov`.
    UsGov,
    /// `aws-eusc`: the European Sovereign Cloud.
    EuSovereign,
    /// `aws-iso`.
    Iso,
    /// `aws-iso-b`.
    IsoB,
    /// `aws-iso-e`.
    IsoE,
    /// `aws-iso-f`.
    IsoF,
}

impl Partition {
    /// Every partition.
    pub const ALL: [Self; 8] = [
        Self::Standard,
        Self::China,
        Self::UsGov,
        Self::EuSovereign,
        Self::Iso,
        Self::IsoB,
        Self::IsoE,
        Self::IsoF,
    ];

    /// Its name as the second word of an ARN.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "aws",
            Self::China => "aws-cn",
            Self::UsGov => "aws-us-gov",
            Self::EuSovereign => "aws-eusc",
            Self::Iso => "aws-iso",
            Self::IsoB => "aws-iso-b",
            Self::IsoE => "aws-iso-e",
            Self::IsoF => "aws-iso-f",
        }
    }

    /// The DNS suffix of its services.
    #[must_use]
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Self::Standard | Self::UsGov => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::EuSovereign => "amazonaws.eu",
            Self::Iso => "c2s.ic.gov",
            Self::IsoB => "sc2s.sgov.gov",
            Self::IsoE => "cloud.adc-e.uk",
            Self::IsoF => "csp.hci.ic.gov",
        }
    }

    /// The partition of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|partition| partition.name() == name)
    }

    /// The partition of a region, or nothing if the text does not have the form of a region name.
    ///
    /// The form is that of the Lambda API's model: `eu-west-1`, `us-gov-east-1`, `us-isob-east-1`, `eusc-de-east-1`.
    /// The region need not exist, because AWS opens new ones.
    #[must_use]
    pub fn of_region(region: &str) -> Option<Self> {
        let letters = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
        let (sovereign, rest) = region.strip_prefix("eusc-").map_or((false, region), |rest| (true, rest));
        let words: Vec<&str> = rest.split('-').collect();
        let (area, special, place, number) = match *words {
            [area, place, number] => (area, "", place, number),
            [area, special, place, number] if !sovereign => (area, special, place, number),
            _ => return None,
        };
        let well_formed = area.len() == 2
            && letters(area)
            && letters(place)
            && matches!(number.len(), 1 | 2)
            && number.bytes().all(|byte| byte.is_ascii_digit());
        if !well_formed {
            return None;
        }
        match special {
            "" if sovereign => Some(Self::EuSovereign),
            "" if area == "cn" => Some(Self::China),
            "" => Some(Self::Standard),
            "gov" => Some(Self::UsGov),
            "iso" => Some(Self::Iso),
            "isob" => Some(Self::IsoB),
            "isoe" => Some(Self::IsoE),
            "isof" => Some(Self::IsoF),
            _ => None,
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a text is the number of an AWS account: 12 digits.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_belongs_to_a_partition() {
        for (region, partition) in [
            ("eu-west-1", Partition::Standard),
            ("ap-southeast-7", Partition::Standard),
            ("mx-central-1", Partition::Standard),
            ("cn-northwest-1", Partition::China),
            ("us-gov-east-1", Partition::UsGov),
            ("eusc-de-east-1", Partition::EuSovereign),
            ("us-iso-west-1", Partition::Iso),
            ("us-isob-east-1", Partition::IsoB),
            ("eu-isoe-west-1", Partition::IsoE),
            ("us-isof-south-1", Partition::IsoF),
        ] {
            assert_eq!(Partition::of_region(region), Some(partition), "{region}");
        }
    }

    #[test]
    fn other_texts_belong_to_no_partition() {
        for text in [
            "",
            "eu",
            "eu-west",
            "eu-west-",
            "eu-west-x",
            "eu-west-100",
            "EU-west-1",
            "eu-west-1a",
            "eu-west-1-",
            "-eu-west-1",
            "eur-west-1",
            "us-isoz-east-1",
            "us-foo-east-1",
            "eusc-us-gov-east-1",
            "eu-west-1.example.com",
            "eu-west-1/",
            "aws-global",
        ] {
            assert_eq!(Partition::of_region(text), None, "{text}");
        }
    }

    #[test]
    fn partitions_are_found_by_name() {
        for partition in Partition::ALL {
            assert_eq!(Partition::from_name(partition.name()), Some(partition));
        }
        assert_eq!(Partition::from_name("aws-mars"), None);
    }

    #[test]
    fn accounts_have_twelve_digits() {
        assert!(is_account("012345678901"));
        for text in ["", "12345678901", "1234567890123", "12345678901a", "１２３４５６７８９０１２"]
        {
            assert!(!is_account(text), "{text}");
        }
    }
}
