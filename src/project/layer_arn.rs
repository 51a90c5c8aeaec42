//! The ARN of a layer version: which layer of which account, as Lambda's zip functions name it.

use std::fmt;
use std::str::FromStr;

use super::partition::{Partition, is_account};

/// The longest name of a layer (Lambda API reference, `LayerName`).
const LONGEST_NAME: usize = 140;

/// `arn:PARTITION:lambda:REGION:ACCOUNT:layer:NAME:VERSION` (Lambda API reference, `LayerVersionArn`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerVersionArn {
    partition: Partition,
    region: String,
    account: String,
    name: String,
    version: u64,
}

/// Why a text is not a [`LayerVersionArn`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerVersionArnError {
    /// It is something else altogether.
    #[error("`{0}` is not the ARN of a layer version, `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`")]
    Form(String),
    /// It names a layer, of which there may be many versions.
    #[error("`{0}` names a layer without a version: add it, as in `{0}:1`")]
    NoVersion(String),
    /// The version is not a number from 1.
    #[error("`{version}` in `{text}` is not a version of a layer: versions are numbers from 1")]
    Version {
        /// The whole text.
        text: String,
        /// What stands for the version.
        version: String,
    },
    /// The layer's name is too long or has a character that layers cannot have.
    #[error("`{0}` has a name that no layer has: letters, digits, `-` and `_`, at most 140")]
    Name(String),
    /// The account is not 12 digits.
    #[error("`{account}` in `{text}` is not an AWS account: accounts have 12 digits")]
    Account {
        /// The whole text.
        text: String,
        /// What stands for the account.
        account: String,
    },
    /// The region does not exist in the partition, or is no region at all.
    #[error("`{region}` in `{text}` is not a region of the partition `{partition}`")]
    Region {
        /// The whole text.
        text: String,
        /// What stands for the region.
        region: String,
        /// What stands for the partition.
        partition: String,
    },
    /// A layer that AWS itself puts into functions; there is no call that gives its content.
    #[error("`{0}` is a layer of AWS's own that cannot be downloaded")]
    Owned(String),
}

impl LayerVersionArn {
    /// The part of AWS that the layer is in.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The region that the layer is in, such as `eu-west-1`.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The 12 digits of the account that the layer belongs to.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The layer's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, from 1.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The ARN without its version: the same for all versions of one layer, of which a function may have only one.
    #[must_use]
    pub fn layer(&self) -> String {
        let Self { partition, region, account, name, version: _ } = self;
        format!("arn:{partition}:lambda:{region}:{account}:layer:{name}")
    }
}

impl FromStr for LayerVersionArn {
    type Err = LayerVersionArnError;

    fn from_str(text: &str) -> Result<Self, LayerVersionArnError> {
        use LayerVersionArnError as Error;
        let whole = || text.to_owned();
        let words: Vec<&str> = text.split(':').collect();
        let (partition, region, account, name, version) = match *words {
            ["arn", partition, "lambda", region, account, "layer", name] => {
                (partition, region, account, name, None)
            }
            ["arn", partition, "lambda", region, account, "layer", name, version] => {
                (partition, region, account, name, Some(version))
            }
            ["arn", _, "lambda", _, _, "awslayer", ..] => return Err(Error::Owned(whole())),
            _ => return Err(Error::Form(whole())),
        };
        let of_partition = Partition::from_name(partition)
            .filter(|known| Partition::of_region(region) == Some(*known))
            .ok_or_else(|| Error::Region {
                text: whole(),
                region: region.to_owned(),
                partition: partition.to_owned(),
            })?;
        if !is_account(account) {
            return Err(Error::Account { text: whole(), account: account.to_owned() });
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_allowed) {
            return Err(Error::Name(whole()));
        }
        let version = version.ok_or_else(|| Error::NoVersion(whole()))?;
        // The first check keeps out signs and leading zeros, so that one version has one text.
        let number = Some(version)
            .filter(|version| matches!(version.bytes().next(), Some(b'1'..=b'9')))
            .and_then(|version| version.parse().ok())
            .ok_or_else(|| Error::Version { text: whole(), version: version.to_owned() })?;
        Ok(Self {
            partition: of_partition,
            region: region.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
            version: number,
        })
    }
}

impl fmt::Display for LayerVersionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.layer(), self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<LayerVersionArn, LayerVersionArnError> {
        text.parse()
    }

    #[test]
    fn arns_of_every_partition_are_read() {
        for (text, partition, region) in [
            (
                "arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsightsExtension:53",
                Partition::Standard,
                "eu-west-1",
            ),
            ("arn:aws-cn:lambda:cn-north-1:123456789012:layer:a_b-C:1", Partition::China, "cn-north-1"),
            ("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:layer:a:1", Partition::UsGov, "us-gov-west-1"),
            ("arn:aws-iso:lambda:us-iso-east-1:123456789012:layer:a:1", Partition::Iso, "us-iso-east-1"),
            ("arn:aws-iso-b:lambda:us-isob-east-1:123456789012:layer:a:1", Partition::IsoB, "us-isob-east-1"),
            ("arn:aws-iso-e:lambda:eu-isoe-west-1:123456789012:layer:a:1", Partition::IsoE, "eu-isoe-west-1"),
            (
                "arn:aws-iso-f:lambda:us-isof-south-1:123456789012:layer:a:1",
                Partition::IsoF,
                "us-isof-south-1",
            ),
            (
                "arn:aws-eusc:lambda:eusc-de-east-1:123456789012:layer:a:1",
                Partition::EuSovereign,
                "eusc-de-east-1",
            ),
        ] {
            let arn = parse(text).unwrap();
            assert_eq!((arn.partition(), arn.region()), (partition, region));
            assert_eq!(arn.to_string(), text);
        }
    }

    #[test]
    fn two_versions_are_of_one_layer() {
        let arn = parse("arn:aws:lambda:eu-west-1:580247275435:layer:Insights:53").unwrap();
        assert_eq!((arn.account(), arn.name(), arn.version()), ("580247275435", "Insights", 53));
        let other = parse("arn:aws:lambda:eu-west-1:580247275435:layer:Insights:9").unwrap();
        assert_eq!(arn.layer(), "arn:aws:lambda:eu-west-1:580247275435:layer:Insights");
        assert_eq!(arn.layer(), other.layer());
        assert_ne!(arn, other);
    }

    #[test]
    fn a_layer_without_a_version_is_told_to_name_one() {
        let text = "arn:aws:lambda:eu-west-1:580247275435:layer:Insights";
        assert_eq!(
            parse(text).unwrap_err().to_string(),
            format!("`{text}` names a layer without a version: add it, as in `{text}:1`")
        );
    }

    #[test]
    fn what_no_layer_has_is_refused_by_its_name() {
        let long = format!("arn:aws:lambda:eu-west-1:123456789012:layer:{}:1", "a".repeat(LONGEST_NAME + 1));
        for (text, reason) in [
            ("", "is not the ARN of a layer version"),
            ("layer:Insights:53", "is not the ARN of a layer version"),
            ("arn:aws:lambda:eu-west-1:123456789012:function:a:1", "is not the ARN of a layer version"),
            ("arn:aws:s3:eu-west-1:123456789012:layer:a:1", "is not the ARN of a layer version"),
            ("arn:aws:lambda:eu-west-1:123456789012:layer:a:1:2", "is not the ARN of a layer version"),
            ("arn:aws:lambda:eu-west-1:123456789012:layer:a:0", "versions are numbers from 1"),
            ("arn:aws:lambda:eu-west-1:123456789012:layer:a:", "versions are numbers from 1"),
            ("arn:aws:lambda:eu-west-1:123456789012:layer:a:-1", "versions are numbers from 1"),
            ("arn:aws:lambda:eu-west-1:123456789012:layer:a:+1", "versions are numbers from 1"),
            ("arn:aws:lambda:eu-west-1:123456789012:layer:a:01", "versions are numbers from 1"),
            ("arn:aws:lambda:eu-west-1:123456789012:layer:a:latest", "versions are numbers from 1"),
            (
                "arn:aws:lambda:eu-west-1:123456789012:layer:a:99999999999999999999",
                "versions are numbers from 1",
            ),
            ("arn:aws:lambda:eu-west-1:123456789012:layer::1", "name that no layer has"),
            ("arn:aws:lambda:eu-west-1:123456789012:layer:a/b:1", "name that no layer has"),
            (&long, "name that no layer has"),
            ("arn:aws:lambda:eu-west-1:12345:layer:a:1", "accounts have 12 digits"),
            ("arn:aws:lambda:evil.example.com/:123456789012:layer:a:1", "not a region"),
            ("arn:aws:lambda:cn-north-1:123456789012:layer:a:1", "not a region of the partition `aws`"),
            (
                "arn:aws-mars:lambda:eu-west-1:123456789012:layer:a:1",
                "not a region of the partition `aws-mars`",
            ),
            ("arn:aws:lambda:::awslayer:AmazonLinux1803", "cannot be downloaded"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
