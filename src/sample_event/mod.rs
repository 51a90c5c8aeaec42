//! Sample events of the services that invoke functions most, compiled in.
//!
//! Their structure is the documented one; a comment names the page for each event. The values are made up but consistent: one
//! account, one region, valid encodings and hashes. `CloudFront` has no events here because Lambda@Edge does not support
//! container images. This module only contains text: it does not send, print or read anything.

#[cfg(test)]
mod tests;

/// A sample of the event that a service sends to a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SampleEvent {
    /// Its name on the command line, in kebab-case.
    pub name: &'static str,
    /// What it represents, without a full stop.
    pub description: &'static str,
    /// The event, with a final line feed.
    pub json: &'static str,
}

/// Includes the event from the file with its name.
macro_rules! sample {
    ($name:literal, $description:literal) => {
        SampleEvent { name: $name, description: $description, json: include_str!(concat!($name, ".json")) }
    };
}

/// All sample events, by name.
pub(crate) const ALL: &[SampleEvent] = &[
    // Elastic Load Balancing, Application Load Balancers guide, "Use Lambda functions as targets".
    sample!("alb", "A request through an Application Load Balancer"),
    // API Gateway developer guide, "Input to an API Gateway Lambda authorizer".
    sample!("api-gateway-authorizer", "A request for an API Gateway Lambda authorizer to allow or deny"),
    // API Gateway developer guide, "Lambda proxy integrations in API Gateway".
    sample!("api-gateway-v1", "A request through an API Gateway REST API, payload format 1.0"),
    // API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs".
    sample!("api-gateway-v2", "A request through an API Gateway HTTP API, payload format 2.0"),
    // CloudFormation user guide, "Custom resource request objects".
    sample!("cloudformation", "The creation of a CloudFormation custom resource"),
    // CloudWatch user guide, "Invoke a Lambda function from an alarm".
    sample!("cloudwatch-alarm", "A CloudWatch alarm that has changed its state"),
    // Lambda developer guide, "Using Lambda with CloudWatch Logs"; CloudWatch Logs user guide, "Log group-level subscription
    // filters".
    sample!("cloudwatch-logs", "Two CloudWatch Logs events, compressed as in a subscription"),
    // CodePipeline user guide, "Invoke an AWS Lambda function in a pipeline".
    sample!("codepipeline", "A CodePipeline job"),
    // Cognito developer guide, "Pre sign-up Lambda trigger".
    sample!("cognito-pre-sign-up", "The sign-up of a user in a Cognito user pool"),
    // Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB".
    sample!("dynamodb-stream", "The insertion, modification and removal of a DynamoDB item"),
    // EventBridge user guide, "Events in Amazon EventBridge".
    sample!("eventbridge", "A custom event on an EventBridge bus"),
    // Amazon Data Firehose developer guide, "Transform source data in Amazon Data Firehose"; Lambda developer guide, "Process
    // Amazon Data Firehose records with Lambda".
    sample!("firehose", "Two Amazon Data Firehose records to transform"),
    // Lambda developer guide, "Invoking Lambda function URLs".
    sample!("function-url", "A request to a function URL, with a base64 body"),
    // Lambda developer guide, "Using Lambda to process records from Amazon Kinesis Data Streams".
    sample!("kinesis", "Two records from a Kinesis data stream"),
    // Lambda developer guide, "Using Lambda with Amazon MSK".
    sample!("msk", "A record from an Apache Kafka topic on Amazon MSK"),
    // S3 user guide, "Event message structure".
    sample!("s3-delete", "The deletion of an object from an S3 bucket"),
    // S3 user guide, "Event message structure".
    sample!("s3-put", "The creation of an object in an S3 bucket"),
    // EventBridge user guide, "Events in Amazon EventBridge" and "Creating a scheduled rule".
    sample!("scheduled", "An EventBridge scheduled rule"),
    // Secrets Manager user guide, "Rotation by Lambda function".
    sample!("secrets-manager", "The first step of a secret's rotation"),
    // SES developer guide, "Lambda function examples" of "Invoke Lambda function action".
    sample!("ses", "An email received by Amazon SES"),
    // Lambda developer guide, "Invoking Lambda functions with Amazon SNS notifications".
    sample!("sns", "A notification from an SNS topic"),
    // Lambda developer guide, "Using Lambda with Amazon SQS".
    sample!("sqs", "Two messages from an SQS queue"),
    // API Gateway developer guide, "Integration request mapping" and "Route requests" of WebSocket APIs.
    sample!("websocket", "A message over an API Gateway WebSocket API"),
];

/// The event of this name.
#[must_use]
pub(crate) fn find(name: &str) -> Option<&'static SampleEvent> {
    ALL.iter().find(|sample| sample.name == name)
}

/// The names of all sample events.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|sample| sample.name)
}
