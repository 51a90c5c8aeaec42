//! Sample events: what the services that invoke functions most send them, compiled in.
//!
//! The shapes are those that AWS documents; the page stands above each event. The values are made up, and agree with each
//! other: one account, one region, and what is encoded or hashed is what it says. Events of `CloudFront` are missing on
//! purpose: Lambda@Edge runs no container images. This room only gives texts; it must not send, print or read anything.

#[cfg(test)]
mod tests;

/// An event that a service sends to a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleEvent {
    /// What the user calls it, in kebab-case.
    pub name: &'static str,
    /// What it tells the function, without a full stop.
    pub description: &'static str,
    /// The event itself, with a line end behind it.
    pub json: &'static str,
}

/// Takes the text from the file of the event's name.
macro_rules! sample {
    ($name:literal, $description:literal) => {
        SampleEvent { name: $name, description: $description, json: include_str!(concat!($name, ".json")) }
    };
}

/// All sample events, by name.
pub const ALL: &[SampleEvent] = &[
    // Elastic Load Balancing, Application Load Balancers guide, "Use Lambda functions as targets".
    sample!("alb", "A request through an Application Load Balancer"),
    // API Gateway developer guide, "Input to an API Gateway Lambda authorizer".
    sample!(
        "api-gateway-authorizer",
        "A request that a Lambda authorizer of API Gateway is to allow or deny"
    ),
    // API Gateway developer guide, "Lambda proxy integrations in API Gateway".
    sample!("api-gateway-v1", "A request through a REST API of API Gateway, payload format 1.0"),
    // API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs".
    sample!("api-gateway-v2", "A request through an HTTP API of API Gateway, payload format 2.0"),
    // CloudFormation user guide, "Custom resource request objects".
    sample!("cloudformation", "The creation of a custom resource of CloudFormation"),
    // CloudWatch user guide, "Invoke a Lambda function from an alarm".
    sample!("cloudwatch-alarm", "A CloudWatch alarm that goes off"),
    // Lambda developer guide, "Using Lambda with CloudWatch Logs"; CloudWatch Logs user guide, "Log group-level subscription filters".
    sample!("cloudwatch-logs", "Two log events of CloudWatch Logs, compressed as a subscription sends them"),
    // CodePipeline user guide, "Invoke an AWS Lambda function in a pipeline".
    sample!("codepipeline", "A job of CodePipeline"),
    // Cognito developer guide, "Pre sign-up Lambda trigger".
    sample!("cognito-pre-sign-up", "A user of a Cognito user pool who signs up"),
    // Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB".
    sample!("dynamodb-stream", "An item of a DynamoDB table that is inserted, modified and removed"),
    // EventBridge user guide, "Events in Amazon EventBridge".
    sample!("eventbridge", "An event of an application's own on an EventBridge bus"),
    // Amazon Data Firehose developer guide, "Transform source data in Amazon Data Firehose"; Lambda developer guide, "Process Amazon Data Firehose records with Lambda".
    sample!("firehose", "Two records that Amazon Data Firehose lets a function transform"),
    // Lambda developer guide, "Invoking Lambda function URLs".
    sample!("function-url", "A request to a function URL, its body in base64"),
    // Lambda developer guide, "Using Lambda to process records from Amazon Kinesis Data Streams".
    sample!("kinesis", "Two records of a Kinesis data stream"),
    // Lambda developer guide, "Using Lambda with Amazon MSK".
    sample!("msk", "A record of an Apache Kafka topic on Amazon MSK"),
    // S3 user guide, "Event message structure".
    sample!("s3-delete", "An object of an S3 bucket that is deleted"),
    // S3 user guide, "Event message structure".
    sample!("s3-put", "An object that is put into an S3 bucket"),
    // EventBridge user guide, "Events in Amazon EventBridge" and "Creating a scheduled rule".
    sample!("scheduled", "The moment that a scheduled rule of EventBridge names"),
    // Secrets Manager user guide, "Rotation by Lambda function".
    sample!("secrets-manager", "The first step of the rotation of a secret"),
    // SES developer guide, "Lambda function examples" of "Invoke Lambda function action".
    sample!("ses", "A mail that Amazon SES receives"),
    // Lambda developer guide, "Invoking Lambda functions with Amazon SNS notifications".
    sample!("sns", "A notification of an SNS topic"),
    // Lambda developer guide, "Using Lambda with Amazon SQS".
    sample!("sqs", "Two messages of an SQS queue"),
    // API Gateway developer guide, "Integration request mapping" and "Route requests" of WebSocket APIs.
    sample!("websocket", "A message over a WebSocket API of API Gateway"),
];

/// The event of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static SampleEvent> {
    ALL.iter().find(|sample| sample.name == name)
}

/// The names of all sample events.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|sample| sample.name)
}
