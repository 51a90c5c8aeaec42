//! ARNs of layer versions, by which Lambda's zip functions name their layers.

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
    /// It does not have the form of a layer ARN.
    #[error("`{0}` is not the ARN of a layer version, `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`")]
    Form(String),
    /// It names a layer, which may have many versions.
    #[error("`{0}` names a layer without a version: add it, as in `{0}:1`")]
    NoVersion(String),
    /// The version is not a number from 1.
    #[error("`{version}` in `{text}` is not a layer version: versions are numbers from 1")]
    Version {
        /// The whole text.
        text: String,
        /// The text in place of the version.
        version: String,
    },
    /// The layer's name is too long or contains other characters than Lambda allows.
    #[error("`{0}` does not contain a valid layer name: at most 140 letters, digits, `-` and `_`")]
    Name(String),
    /// The account is not 12 digits.
    #[error("`{account}` in `{text}` is not an AWS account: accounts have 12 digits")]
    Account {
        /// The whole text.
        text: String,
        /// The text in place of the account.
        account: String,
    },
    /// The region belongs to another partition, or is not a region.
    #[error("`{region}` in `{text}` is not a region of the partition `{partition}`")]
    Region {
        /// The whole text.
        text: String,
        /// The text in place of the region.
        region: String,
        /// The text in place of the partition.
        partition: String,
    },
    /// A layer that AWS itself adds to functions. Lambda's API does not provide its content.
    #[error("`{0}` is a layer of AWS itself, which cannot be downloaded")]
    Owned(String),
}

impl LayerVersionArn {
    /// The partition of the layer.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The region of the layer.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account of the layer, 12 digits.
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

    /// The ARN without the version. A function may use only one version of a layer.
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
        // The first check rejects signs and leading zeros: a version has only one spelling.
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
    fn arns_of_every_partition_are_parsed() {
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
    fn versions_of_a_layer_share_its_arn() {
        let arn = parse("arn:aws:lambda:eu-west-1:580247275435:layer:Insights:53").unwrap();
        assert_eq!((arn.account(), arn.name(), arn.version()), ("580247275435", "Insights", 53));
        let other = parse("arn:aws:lambda:eu-west-1:580247275435:layer:Insights:9").unwrap();
        assert_eq!(arn.layer(), "arn:aws:lambda:eu-west-1:580247275435:layer:Insights");
        assert_eq!(arn.layer(), other.layer());
        assert_ne!(arn, other);
    }

    #[test]
    fn an_arn_without_a_version_is_rejected_with_an_example() {
        let text = "arn:aws:lambda:eu-west-1:580247275435:layer:Insights";
        assert_eq!(
            parse(text).unwrap_err().to_string(),
            format!("`{text}` names a layer without a version: add it, as in `{text}:1`")
        );
    }

    #[test]
    fn invalid_arns_are_rejected_with_the_reason() {
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
            ("arn:aws:lambda:eu-west-1:123456789012:layer::1", "valid layer name"),
            ("arn:aws:lambda:eu-west-1:123456789012:layer:a/b:1", "valid layer name"),
            (&long, "valid layer name"),
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
