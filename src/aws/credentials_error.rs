//! Why there are no AWS credentials.

/// Why there are no AWS credentials, on one line and without secrets.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct AwsCredentialsError {
    /// What the sources of credentials answered.
    pub(super) reason: String,
    pub(super) kind: CredentialsErrorKind,
}

/// What to do about missing credentials depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CredentialsErrorKind {
    /// No source has any.
    NoSource,
    /// A session of IAM Identity Center is missing or has expired.
    Sso,
    /// A source failed in another way: its file is malformed, or AWS refuses a role.
    Other,
}

impl AwsCredentialsError {
    /// What to do about it, given the profile that the user named.
    pub(super) fn help(&self, profile: Option<&str>) -> String {
        match (self.kind, profile) {
            (CredentialsErrorKind::NoSource, Some(_)) => {
                "run `aws configure list-profiles` to list the profiles".to_owned()
            }
            (CredentialsErrorKind::NoSource, None) => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile with `--profile` or AWS_PROFILE, or run \
                 limg where a role provides credentials (EC2, ECS, EKS, CodeBuild, GitHub's OIDC)"
                    .to_owned()
            }
            (CredentialsErrorKind::Sso, None) => "run `aws sso login`".to_owned(),
            (CredentialsErrorKind::Sso, Some(profile)) => format!("run `aws sso login --profile {profile}`"),
            (CredentialsErrorKind::Other, profile) => {
                let profile = profile.map(|profile| format!(" --profile {profile}")).unwrap_or_default();
                format!("run `aws configure list{profile}` to see where they come from")
            }
        }
    }
}
