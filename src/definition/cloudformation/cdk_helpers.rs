//! Functions that CDK adds to a template for its own purposes.

use super::intrinsics::{Expression, Stacks};

/// The parts of construct paths that belong to functions which CDK adds itself: providers of custom resources, and the
/// functions behind log retention, bucket notifications and deployments (aws-cdk-lib, the constructs of these names).
const CDK_HELPERS: [&str; 8] = [
    "Custom::",
    "CustomResourceProvider",
    "BucketNotificationsHandler",
    "LogRetention",
    "framework-onEvent",
    "framework-isComplete",
    "framework-onTimeout",
    "AWSCDK.TriggerCustomResourceProvider",
];

/// The construct path of a function that CDK adds for its own purposes.
pub(super) fn path<'t>(stacks: &Stacks<'t>, resource: &Expression<'t>) -> Option<String> {
    let metadata = stacks.get(resource, "Metadata").ok()??;
    let text = |key: &str| Some(stacks.text(&stacks.get(&metadata, key).ok()??).ok()??.text);
    let path = text("aws:cdk:path")?;
    CDK_HELPERS.iter().any(|part| path.contains(part)).then_some(path)
}
