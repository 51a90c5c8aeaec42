//! What only a limg with the feature `aws` does: Amazon ECR, and layer versions by ARN.

mod ecr;
mod layer_versions;
mod push_ecr;
