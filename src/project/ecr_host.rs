//! Host names of private ECR registries: account, region and partition of each, and the name that Lambda accepts.

use std::fmt;

use super::partition::{Partition, is_account};

/// The host of an account's private ECR registry in one region.
///
/// The forms are those of the ECR user guide (Registry authentication; Making requests over IPv6) and of AWS's own
/// credential helper for Docker:
///
/// | Form | Host |
/// |---|---|
/// | standard | `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, in other partitions with their suffix |
/// | FIPS | `ACCOUNT.dkr.ecr-fips.REGION.amazonaws.com` |
/// | dual-stack | `ACCOUNT.dkr-ecr.REGION.on.aws` |
/// | both | `ACCOUNT.dkr-ecr-fips.REGION.on.aws` |
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EcrHost {
    account: String,
    region: String,
    partition: Partition,
    fips: bool,
    dual_stack: bool,
}

impl EcrHost {
    /// Parses a host, with or without the port 443. `None` for every other host, also for ECR Public.
    #[must_use]
    pub fn parse(host: &str) -> Option<Self> {
        let host = host.strip_suffix(":443").unwrap_or(host).to_ascii_lowercase();
        let (account, rest) = host.split_once('.')?;
        let forms = [
            ("dkr.ecr.", false, false),
            ("dkr.ecr-fips.", true, false),
            ("dkr-ecr.", false, true),
            ("dkr-ecr-fips.", true, true),
        ];
        let form = |(service, fips, dual_stack)| Some((rest.strip_prefix(service)?, fips, dual_stack));
        let (rest, fips, dual_stack) = forms.into_iter().find_map(form)?;
        let (region, suffix) = rest.split_once('.')?;
        let partition = Partition::of_region(region)?;
        let own_suffix = if dual_stack { dual_stack_suffix(partition)? } else { partition.dns_suffix() };
        if !is_account(account) || suffix != own_suffix {
            return None;
        }
        Some(Self { account: account.to_owned(), region: region.to_owned(), partition, fips, dual_stack })
    }

    /// The standard host of an account's registry in a region. `None` if either is malformed.
    #[must_use]
    pub fn standard(account: &str, region: &str) -> Option<Self> {
        let partition = Partition::of_region(region)?;
        is_account(account).then(|| Self {
            account: account.to_owned(),
            region: region.to_owned(),
            partition,
            fips: false,
            dual_stack: false,
        })
    }

    /// The account ID, 12 digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region, such as `eu-west-1`.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The partition of the region.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The host for a function's image URI: the standard one of the same registry. Lambda rejects FIPS hosts there
    /// (Lambda developer guide, images-create), and its documentation does not mention dual-stack ones.
    #[must_use]
    pub fn lambda_uri_host(&self) -> String {
        Self { fips: false, dual_stack: false, ..self.clone() }.to_string()
    }
}

impl fmt::Display for EcrHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, region, partition, fips, dual_stack } = self;
        let service = if *dual_stack { "dkr-ecr" } else { "dkr.ecr" };
        let fips = if *fips { "-fips" } else { "" };
        let suffix = dual_stack.then(|| dual_stack_suffix(*partition)).flatten();
        write!(f, "{account}.{service}{fips}.{region}.{}", suffix.unwrap_or_else(|| partition.dns_suffix()))
    }
}

/// The DNS suffix of a partition's dual-stack registries, if it has any.
fn dual_stack_suffix(partition: Partition) -> Option<&'static str> {
    match partition {
        Partition::Standard | Partition::UsGov => Some("on.aws"),
        Partition::China => Some("on.amazonwebservices.com.cn"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A region with its partition, its standard host, and its other hosts: whether each is FIPS and dual-stack.
    type Row = (&'static str, Partition, &'static str, &'static [(&'static str, bool, bool)]);

    const HOSTS: &[Row] = &[
        (
            "us-east-1",
            Partition::Standard,
            "123456789012.dkr.ecr.us-east-1.amazonaws.com",
            &[
                ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", true, false),
                ("123456789012.dkr-ecr.us-east-1.on.aws", false, true),
                ("123456789012.dkr-ecr-fips.us-east-1.on.aws", true, true),
            ],
        ),
        (
            "us-gov-west-1",
            Partition::UsGov,
            "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com",
            &[
                ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", true, false),
                ("123456789012.dkr-ecr.us-gov-west-1.on.aws", false, true),
            ],
        ),
        (
            "cn-north-1",
            Partition::China,
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            &[("123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", false, true)],
        ),
        ("eusc-de-east-1", Partition::EuSovereign, "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", &[]),
        ("us-iso-east-1", Partition::Iso, "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", &[]),
        ("us-isob-east-1", Partition::IsoB, "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", &[]),
        ("eu-isoe-west-1", Partition::IsoE, "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", &[]),
        ("us-isof-south-1", Partition::IsoF, "123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", &[]),
    ];

    #[test]
    fn every_form_of_host_is_parsed() {
        for (region, partition, standard, others) in HOSTS {
            assert_eq!(EcrHost::standard("123456789012", region).unwrap().to_string(), *standard);
            for (host, fips, dual_stack) in [&[(*standard, false, false)], *others].concat() {
                let read = EcrHost::parse(host).unwrap_or_else(|| panic!("{host}"));
                assert_eq!(
                    (read.account(), read.region(), read.partition()),
                    ("123456789012", *region, *partition)
                );
                assert_eq!((read.fips, read.dual_stack), (fips, dual_stack), "{host}");
                assert_eq!((read.to_string().as_str(), read.lambda_uri_host().as_str()), (host, *standard));
            }
        }
    }

    #[test]
    fn port_and_letter_case_do_not_matter() {
        let host = EcrHost::parse("123456789012.DKR.ecr.eu-west-1.amazonaws.com:443").unwrap();
        assert_eq!(host, EcrHost::standard("123456789012", "eu-west-1").unwrap());
        assert_eq!(EcrHost::parse("123456789012.dkr.ecr.eu-west-1.amazonaws.com:8443"), None);
    }

    #[test]
    fn a_host_that_only_looks_like_ecr_is_rejected() {
        for host in [
            "",
            "docker.io",
            "public.ecr.aws",
            "dkr.ecr.eu-west-1.amazonaws.com",
            "12345.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example.com",
            "123456789012.dkr.ecr.eu-west-1.evil.example.com",
            "evil.123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.amazonaws.com",
            "123456789012.dkr.ecr.evil.amazonaws.com",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn",
            "123456789012.dkr.ecr.eu-west-1.on.aws",
            "123456789012.dkr-ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr-ecr.eusc-de-east-1.on.aws",
            "123456789012.dkr.ecr-public.eu-west-1.amazonaws.com",
        ] {
            assert_eq!(EcrHost::parse(host), None, "{host}");
        }
    }

    #[test]
    fn a_malformed_account_or_region_has_no_host() {
        assert_eq!(EcrHost::standard("12345", "eu-west-1"), None);
        assert_eq!(EcrHost::standard("123456789012", "evil.example.com/"), None);
    }
}
