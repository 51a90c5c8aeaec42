//! What only a limg with the feature `aws` does: Amazon ECR, layer versions by ARN, and `--fetch`.

mod ecr;
mod fetch;
mod layer_versions;
mod push_ecr;
