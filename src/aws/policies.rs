//! The policies of a new ECR repository: who may pull from it, and which images it keeps.

use serde_json::{Value, json};

use crate::project::Partition;

/// The permissions for a pull (Lambda developer guide, Amazon ECR permissions).
const PULL: [&str; 2] = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

/// The repository policy that allows Lambda to pull images for functions of `account`, which owns the repository, and
/// of the accounts `others`, all in `region`: Lambda pulls from no other region (Lambda developer guide, Amazon ECR
/// permissions and Amazon ECR cross-account permissions).
pub(super) fn repository_policy(
    partition: Partition,
    region: &str,
    account: &str,
    others: &[String],
) -> String {
    let functions_of = |account: &str| format!("arn:{partition}:lambda:{region}:{account}:function:*");
    let by_lambda = |sid: &str, functions: Value| {
        json!({
            "Sid": sid,
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": PULL,
            "Condition": { "StringLike": { "aws:sourceArn": functions } },
        })
    };
    let mut statements = vec![by_lambda("LambdaECRImageRetrievalPolicy", json!(functions_of(account)))];
    if !others.is_empty() {
        let roots = others.iter().map(|other| format!("arn:{partition}:iam::{other}:root"));
        statements.push(json!({
            "Sid": "CrossAccountPermission",
            "Effect": "Allow",
            "Principal": { "AWS": roots.collect::<Vec<_>>() },
            "Action": PULL,
        }));
        let functions = others.iter().map(|other| functions_of(other)).collect::<Vec<_>>();
        statements.push(by_lambda("LambdaECRImageCrossAccountRetrievalPolicy", json!(functions)));
    }
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// The lifecycle policy that keeps the `count` newest images (ECR user guide, Lifecycle policies).
pub(super) fn lifecycle_policy(count: u32) -> String {
    let rule = json!({
        "rulePriority": 1,
        "description": format!("keep the newest {count} images"),
        "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count },
        "action": { "type": "expire" },
    });
    json!({ "rules": [rule] }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(partition: Partition, region: &str, others: &[&str]) -> Value {
        let others: Vec<String> = others.iter().map(|other| (*other).to_owned()).collect();
        serde_json::from_str(&repository_policy(partition, region, "111111111111", &others)).unwrap()
    }

    #[test]
    fn functions_of_the_own_account_may_pull() {
        assert_eq!(
            policy(Partition::Standard, "eu-west-1", &[]),
            json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Sid": "LambdaECRImageRetrievalPolicy",
                    "Effect": "Allow",
                    "Principal": { "Service": "lambda.amazonaws.com" },
                    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                    "Condition": {
                        "StringLike": { "aws:sourceArn": "arn:aws:lambda:eu-west-1:111111111111:function:*" },
                    },
                }],
            })
        );
    }

    #[test]
    fn functions_of_other_accounts_need_two_more_statements() {
        let policy = policy(Partition::China, "cn-north-1", &["222222222222", "333333333333"]);
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), 3);
        assert_eq!(
            statements[0]["Condition"]["StringLike"]["aws:sourceArn"],
            "arn:aws-cn:lambda:cn-north-1:111111111111:function:*"
        );
        assert_eq!(
            statements[1..],
            [
                json!({
                    "Sid": "CrossAccountPermission",
                    "Effect": "Allow",
                    "Principal": { "AWS": [
                        "arn:aws-cn:iam::222222222222:root",
                        "arn:aws-cn:iam::333333333333:root",
                    ] },
                    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                }),
                json!({
                    "Sid": "LambdaECRImageCrossAccountRetrievalPolicy",
                    "Effect": "Allow",
                    "Principal": { "Service": "lambda.amazonaws.com" },
                    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                    "Condition": { "StringLike": { "aws:sourceArn": [
                        "arn:aws-cn:lambda:cn-north-1:222222222222:function:*",
                        "arn:aws-cn:lambda:cn-north-1:333333333333:function:*",
                    ] } },
                }),
            ]
        );
    }

    #[test]
    fn the_newest_images_are_kept() {
        let policy: Value = serde_json::from_str(&lifecycle_policy(30)).unwrap();
        assert_eq!(
            policy,
            json!({ "rules": [{
                "rulePriority": 1,
                "description": "keep the newest 30 images",
                "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30 },
                "action": { "type": "expire" },
            }] })
        );
    }
}
