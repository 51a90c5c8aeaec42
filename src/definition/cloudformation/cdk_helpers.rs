//! Functions that CDK adds to a template for its own purposes: they run when the stack is deployed, not when it is used.

use super::intrinsics::{Expression, Stacks};
use super::names;

/// The paths of such functions in aws-cdk-lib 2.2 to 2.260, and of the alpha modules, without `/Resource`: each is the beginning
/// of a part of the path, or several parts at its end.
const PARTS: [&str; 13] = [
    // Custom resources, such as Custom::CDKBucketDeployment, Custom::S3AutoDeleteObjects, Custom::VpcRestrictDefaultSG.
    "Custom::",
    // Nested stacks of clusters and of replicas of tables.
    "@aws-cdk--aws-eks.",
    "@aws-cdk--aws-dynamodb.",
    // The framework of providers of custom resources.
    "framework-onEvent",
    "framework-isComplete",
    "framework-onTimeout",
    // Functions that a stack has once, with their UUIDs: log retention, bucket notifications, calls of the AWS SDK in custom
    // resources, in rules and in other Regions, and the rule that drops spam.
    "LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8a",
    "BucketNotificationsHandler050a0587b7544547bf325f094a3db834",
    "AWS679f53fac002430cb0da5b7982bd2287",
    "AWSb4cf1abd4e4f4bc699441af7ccd9ec37",
    "CrossRegionAwsSdk8a0c93f3dbef4b71ac137aaf2048ce7e",
    "SingletonLambda224e77f9a32e4b4dac32983477abba16",
    // The security check of pipelines.
    "CDKPipelinesAutoApprove",
];
const ENDS: [&str; 4] =
    ["KubectlProvider/Handler", "DrainECSHook/Function", "CertificateRequestorFunction", "EvalFunction"];

/// The end of the paths of providers by CDK's small framework, which has no `Resource` at its end: cross-Region references,
/// triggers, OIDC providers, `CfnJson`.
const PROVIDER: &str = "CustomResourceProvider/Handler";

/// The beginnings of the logical ids of custom resources that are not providers by CDK's small framework.
const CUSTOM: [&str; 1] = ["CustomCDKBucketDeployment"];

/// The lengths of a UUID without hyphens, and of the hash at the end of a logical id.
const UUID: usize = 32;
const HASH: usize = 8;

/// The handlers of functions that CDK bundles: the entry point of its small framework, and the framework of providers.
const HANDLERS: [&str; 4] =
    ["__entrypoint__.handler", "framework.onEvent", "framework.isComplete", "framework.onTimeout"];

/// Whether CDK adds a function for its own purposes, by its path, or by its logical id and those of the stacks around it where the template has no paths.
pub(super) fn contain<'t>(
    stacks: &Stacks<'t>,
    resource: &Expression<'t>,
    full_name: &str,
    handler: Option<&str>,
) -> bool {
    let is_helper = match names::construct_path(stacks, resource) {
        Some(path) => is_helper(&path),
        None => is_helper_by_id(full_name),
    };
    is_helper || handler.is_some_and(|handler| HANDLERS.contains(&handler))
}

fn is_helper(path: &str) -> bool {
    if path.ends_with(PROVIDER) {
        return true;
    }
    let path = path.strip_suffix("/Resource").unwrap_or(path);
    path.split('/').any(|part| PARTS.iter().any(|begin| part.starts_with(begin)))
        || ENDS.iter().any(|end| path.ends_with(end))
}

/// The same for logical ids, each of which has the letters and digits of a path and a hash.
fn is_helper_by_id(full_name: &str) -> bool {
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let of_nested = PARTS.iter().filter(|part| part.starts_with('@'));
    let with_uuid = PARTS.iter().filter(|part| part.len() > UUID);
    let begins =
        CUSTOM.into_iter().map(str::to_owned).chain(of_nested.chain(with_uuid).map(|part| letters(part)));
    let begins: Vec<_> = begins.collect();
    full_name.split('/').any(|id| begins.iter().any(|begin| id.starts_with(begin))) || {
        let human = full_name.get(..full_name.len().saturating_sub(HASH)).unwrap_or_default();
        ENDS.iter().chain([&PROVIDER]).any(|end| human.ends_with(&letters(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_cdk_are_distinguished_from_those_of_the_user() {
        for path in [
            "Shop/Custom::S3AutoDeleteObjectsCustomResourceProvider/Handler",
            "Shop/LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8a/Resource",
            "Shop/BucketNotificationsHandler050a0587b7544547bf325f094a3db834/Resource",
            "Shop/Custom::CDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C512MiB/Resource",
            "Shop/AWS679f53fac002430cb0da5b7982bd2287/Resource",
            "Shop/Users/framework-onEvent/Resource",
            "Shop/Users/framework-isComplete/Resource",
            "Shop/Users/framework-onTimeout/Resource",
            "Shop/Custom::VpcRestrictDefaultSGCustomResourceProvider/Handler",
            "Shop/Custom::AWSCDKOpenIdConnectProviderCustomResourceProvider/Handler",
            "Shop/AWSCDK.TriggerCustomResourceProviderCustomResourceProvider/Handler",
            "Shop/AWSCDKCfnUtilsProviderCustomResourceProvider/Handler",
            "Shop/AWSb4cf1abd4e4f4bc699441af7ccd9ec37/Resource",
            "Shop/SingletonLambda224e77f9a32e4b4dac32983477abba16/Resource",
            "Shop/CrossRegionAwsSdk8a0c93f3dbef4b71ac137aaf2048ce7e/Resource",
            "Shop/Cert/CertificateRequestorFunction/Resource",
            "Shop/Step/EvalFunction/Resource",
            "Shop/Ecs/Capacity/DrainECSHook/Function/Resource",
            "Shop/@aws-cdk--aws-eks.KubectlProvider/Handler/Resource",
            "Shop/@aws-cdk--aws-dynamodb.ReplicaProvider/OnEventHandler/Resource",
            "Prod/Shop/Custom::CrossRegionExportWriterCustomResourceProvider/Handler",
        ] {
            assert!(is_helper(path), "{path}");
        }
        for path in [
            "Shop/LogRetention/Resource",
            "Shop/BucketNotificationsHandler/Resource",
            "Shop/MyCustomResourceProvider/Handler/Resource",
            "Shop/AWSHandler/Resource",
            "Shop/SingletonLambdaaaaaaaaabbbb/Resource",
            "Shop/Users/Handler/Resource",
            "Shop/TriggerFunction/Resource",
        ] {
            assert!(!is_helper(path), "{path}");
        }
        for id in [
            "CustomS3AutoDeleteObjectsCustomResourceProviderHandler9D90184F",
            "LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8aFD4BFC8A",
            "AWSCDKCfnUtilsProviderCustomResourceProviderHandlerCF82AA57",
            "CertCertificateRequestorFunction98FDF273",
            "awscdkawseksKubectlProviderNestedStackawscdkawseksKubectlProviderNestedStackResourceA7AEBA6B/Handler886CB40B",
            "CustomCDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C512MiB6723FB92",
        ] {
            assert!(is_helper_by_id(id), "{id}");
        }
        assert!(!is_helper_by_id("ApiHandler5E7490E8"));
    }
}
