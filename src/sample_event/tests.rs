//! Tests that every sample event has the documented keys, valid encodings and consistent values.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{ALL, find, names};

/// The account and the region of all events.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";

/// The required keys of each event, as JSON pointers (RFC 6901).
const REQUIRED: &[(&str, &[&str])] = &[
    (
        "alb",
        &[
            "/requestContext/elb/targetGroupArn",
            "/httpMethod",
            "/path",
            "/queryStringParameters",
            "/headers/x-amzn-trace-id",
            "/body",
            "/isBase64Encoded",
        ],
    ),
    (
        "api-gateway-authorizer",
        &[
            "/type",
            "/methodArn",
            "/resource",
            "/path",
            "/httpMethod",
            "/headers/Authorization",
            "/queryStringParameters",
            "/pathParameters",
            "/stageVariables",
            "/requestContext/apiId",
            "/requestContext/identity/sourceIp",
        ],
    ),
    (
        "api-gateway-v1",
        &[
            "/resource",
            "/path",
            "/httpMethod",
            "/headers",
            "/multiValueHeaders",
            "/queryStringParameters",
            "/multiValueQueryStringParameters",
            "/pathParameters",
            "/stageVariables",
            "/requestContext/accountId",
            "/requestContext/identity/sourceIp",
            "/requestContext/requestId",
            "/requestContext/requestTimeEpoch",
            "/requestContext/resourcePath",
            "/requestContext/stage",
            "/body",
            "/isBase64Encoded",
        ],
    ),
    ("api-gateway-v2", HTTP_2),
    (
        "cloudformation",
        &[
            "/RequestType",
            "/ResponseURL",
            "/StackId",
            "/RequestId",
            "/ResourceType",
            "/LogicalResourceId",
            "/ResourceProperties/ServiceToken",
        ],
    ),
    (
        "cloudwatch-alarm",
        &[
            "/source",
            "/alarmArn",
            "/accountId",
            "/time",
            "/region",
            "/alarmData/alarmName",
            "/alarmData/state/value",
            "/alarmData/previousState/value",
            "/alarmData/configuration/metrics/0/metricStat/metric/namespace",
        ],
    ),
    ("cloudwatch-logs", &["/awslogs/data"]),
    (
        "codepipeline",
        &[
            "/CodePipeline.job/id",
            "/CodePipeline.job/accountId",
            "/CodePipeline.job/data/actionConfiguration/configuration/FunctionName",
            "/CodePipeline.job/data/inputArtifacts/0/location/s3Location/objectKey",
            "/CodePipeline.job/data/outputArtifacts",
            "/CodePipeline.job/data/artifactCredentials/sessionToken",
        ],
    ),
    (
        "cognito-pre-sign-up",
        &[
            "/version",
            "/region",
            "/userPoolId",
            "/userName",
            "/callerContext/clientId",
            "/triggerSource",
            "/request/userAttributes/email",
            "/request/validationData",
            "/request/clientMetadata",
            "/response/autoConfirmUser",
            "/response/autoVerifyPhone",
            "/response/autoVerifyEmail",
        ],
    ),
    (
        "dynamodb-stream",
        &[
            "/Records/0/eventID",
            "/Records/0/eventVersion",
            "/Records/0/dynamodb/Keys",
            "/Records/0/dynamodb/NewImage",
            "/Records/0/dynamodb/SequenceNumber",
            "/Records/0/dynamodb/SizeBytes",
            "/Records/0/dynamodb/StreamViewType",
            "/Records/0/awsRegion",
            "/Records/0/eventName",
            "/Records/0/eventSourceARN",
            "/Records/0/eventSource",
            "/Records/1/dynamodb/OldImage",
            "/Records/2/dynamodb/OldImage",
        ],
    ),
    ("eventbridge", BUS),
    (
        "firehose",
        &[
            "/invocationId",
            "/deliveryStreamArn",
            "/region",
            "/records/0/recordId",
            "/records/0/approximateArrivalTimestamp",
            "/records/0/data",
        ],
    ),
    ("function-url", HTTP_2),
    (
        "kinesis",
        &[
            "/Records/0/kinesis/kinesisSchemaVersion",
            "/Records/0/kinesis/partitionKey",
            "/Records/0/kinesis/sequenceNumber",
            "/Records/0/kinesis/data",
            "/Records/0/kinesis/approximateArrivalTimestamp",
            "/Records/0/eventSource",
            "/Records/0/eventVersion",
            "/Records/0/eventID",
            "/Records/0/eventName",
            "/Records/0/invokeIdentityArn",
            "/Records/0/awsRegion",
            "/Records/0/eventSourceARN",
        ],
    ),
    (
        "msk",
        &[
            "/eventSource",
            "/eventSourceArn",
            "/bootstrapServers",
            "/records/orders-0/0/topic",
            "/records/orders-0/0/partition",
            "/records/orders-0/0/offset",
            "/records/orders-0/0/timestamp",
            "/records/orders-0/0/timestampType",
            "/records/orders-0/0/key",
            "/records/orders-0/0/value",
            "/records/orders-0/0/headers",
        ],
    ),
    ("s3-delete", S3),
    ("s3-put", S3),
    ("scheduled", BUS),
    ("secrets-manager", &["/Step", "/SecretId", "/ClientRequestToken", "/RotationToken"]),
    (
        "ses",
        &[
            "/Records/0/eventSource",
            "/Records/0/eventVersion",
            "/Records/0/ses/mail/messageId",
            "/Records/0/ses/mail/headers/0/name",
            "/Records/0/ses/mail/commonHeaders/subject",
            "/Records/0/ses/receipt/recipients/0",
            "/Records/0/ses/receipt/spamVerdict/status",
            "/Records/0/ses/receipt/action/functionArn",
        ],
    ),
    (
        "sns",
        &[
            "/Records/0/EventVersion",
            "/Records/0/EventSubscriptionArn",
            "/Records/0/EventSource",
            "/Records/0/Sns/SignatureVersion",
            "/Records/0/Sns/Timestamp",
            "/Records/0/Sns/Signature",
            "/Records/0/Sns/SigningCertUrl",
            "/Records/0/Sns/MessageId",
            "/Records/0/Sns/Message",
            "/Records/0/Sns/MessageAttributes",
            "/Records/0/Sns/Type",
            "/Records/0/Sns/UnsubscribeUrl",
            "/Records/0/Sns/TopicArn",
            "/Records/0/Sns/Subject",
        ],
    ),
    (
        "sqs",
        &[
            "/Records/0/messageId",
            "/Records/0/receiptHandle",
            "/Records/0/body",
            "/Records/0/attributes/ApproximateReceiveCount",
            "/Records/0/attributes/SentTimestamp",
            "/Records/0/attributes/SenderId",
            "/Records/0/attributes/ApproximateFirstReceiveTimestamp",
            "/Records/0/messageAttributes",
            "/Records/0/md5OfBody",
            "/Records/0/eventSource",
            "/Records/0/eventSourceARN",
            "/Records/0/awsRegion",
        ],
    ),
    (
        "websocket",
        &[
            "/requestContext/routeKey",
            "/requestContext/messageId",
            "/requestContext/eventType",
            "/requestContext/connectedAt",
            "/requestContext/connectionId",
            "/requestContext/domainName",
            "/requestContext/stage",
            "/requestContext/apiId",
            "/body",
            "/isBase64Encoded",
        ],
    ),
];

/// Payload format 2.0.
const HTTP_2: &[&str] = &[
    "/version",
    "/routeKey",
    "/rawPath",
    "/rawQueryString",
    "/cookies",
    "/headers",
    "/queryStringParameters",
    "/requestContext/accountId",
    "/requestContext/apiId",
    "/requestContext/domainName",
    "/requestContext/http/method",
    "/requestContext/http/path",
    "/requestContext/http/sourceIp",
    "/requestContext/requestId",
    "/requestContext/stage",
    "/requestContext/time",
    "/requestContext/timeEpoch",
    "/body",
    "/isBase64Encoded",
];

/// The envelope of every event of `EventBridge`.
const BUS: &[&str] =
    &["/version", "/id", "/detail-type", "/source", "/account", "/time", "/region", "/resources", "/detail"];

const S3: &[&str] = &[
    "/Records/0/eventVersion",
    "/Records/0/eventSource",
    "/Records/0/awsRegion",
    "/Records/0/eventTime",
    "/Records/0/eventName",
    "/Records/0/userIdentity/principalId",
    "/Records/0/requestParameters/sourceIPAddress",
    "/Records/0/responseElements/x-amz-request-id",
    "/Records/0/s3/s3SchemaVersion",
    "/Records/0/s3/configurationId",
    "/Records/0/s3/bucket/name",
    "/Records/0/s3/bucket/arn",
    "/Records/0/s3/object/key",
    "/Records/0/s3/object/sequencer",
];

fn event(name: &str) -> Value {
    serde_json::from_str(find(name).unwrap().json).unwrap()
}

/// The text at a JSON pointer.
fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer}"))
}

fn decoded(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).unwrap_or_else(|error| panic!("`{base64}`: {error}"))
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Calls `visit` with the key, path and value of every scalar in a value.
fn walk(value: &Value, key: &str, path: &str, visit: &mut impl FnMut(&str, &str, &Value)) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                walk(value, key, &format!("{path}/{key}"), visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, key, &format!("{path}/{index}"), visit);
            }
        }
        value => visit(key, path, value),
    }
}

#[test]
fn names_are_sorted_unique_and_found() {
    let all: Vec<_> = names().collect();
    assert!(all.is_sorted_by(|one, next| one < next), "{all:?}");
    assert!(all.len() >= 20);
    for sample in ALL {
        assert_eq!(find(sample.name), Some(sample));
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(sample.name.chars().all(kebab), "{}", sample.name);
        assert!(sample.description.len() < 80 && !sample.description.ends_with('.'), "{}", sample.name);
    }
    assert_eq!(find("sqss"), None);
}

#[test]
fn every_file_in_the_folder_is_an_event_and_ends_with_a_line_feed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sample_event");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
        .collect();
    files.sort_unstable();
    assert_eq!(files, names().collect::<Vec<_>>());
    for sample in ALL {
        let event: Value = serde_json::from_str(sample.json).unwrap();
        assert!(event.is_object() && sample.json.ends_with("}\n"), "{}", sample.name);
    }
}

#[test]
fn the_documented_keys_are_present() {
    assert_eq!(REQUIRED.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names().collect::<Vec<_>>());
    for (name, pointers) in REQUIRED {
        let event = event(name);
        let missing: Vec<_> = pointers.iter().filter(|pointer| event.pointer(pointer).is_none()).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
    }
    assert_eq!(text(&event("s3-put"), "/Records/0/eventName"), "ObjectCreated:Put");
    assert_eq!(text(&event("s3-delete"), "/Records/0/eventName"), "ObjectRemoved:Delete");
    let kinds = [0, 1, 2].map(|index| event("dynamodb-stream")["Records"][index]["eventName"].clone());
    assert_eq!(kinds, ["INSERT", "MODIFY", "REMOVE"]);
}

#[test]
fn arns_accounts_and_regions_are_consistent() {
    let mut arns = 0;
    for sample in ALL {
        walk(&event(sample.name), "", "", &mut |key, path, value| {
            let at = format!("{}: {path}: {value}", sample.name);
            let value = value.as_str().unwrap_or_default();
            if let Some(arn) = value.strip_prefix("arn:aws:") {
                arns += 1;
                let parts: Vec<_> = arn.splitn(4, ':').collect();
                let expected = match parts[0] {
                    "s3" => ("", ""),
                    "iam" => ("", ACCOUNT),
                    _ => (REGION, ACCOUNT),
                };
                assert_eq!((parts[1], parts[2]), expected, "{at}");
                assert!(!parts[3].is_empty(), "{at}");
            }
            match key {
                "awsRegion" | "region" => assert_eq!(value, REGION, "{at}"),
                // Without IAM authorisation there is no AWS caller.
                "accountId" if matches!(value, "" | "anonymous") => {}
                "accountId" | "account" | "owner" => assert_eq!(value, ACCOUNT, "{at}"),
                _ => {}
            }
            // Host names contain the region of the events, if any.
            for other in ["us-east-1", "us-east-2", "us-west-2", "eu-central-1"] {
                assert!(!value.contains(other), "{at}");
            }
        });
    }
    assert!(arns > 15, "{arns}");
}

#[test]
fn base64_bodies_decode_and_others_are_plain() {
    let url = event("function-url");
    assert_eq!(url["isBase64Encoded"], true);
    let order = json(&decoded(text(&url, "/body")));
    assert_eq!(order["orderId"], "A-1001");
    for name in ["alb", "api-gateway-v1", "api-gateway-v2"] {
        let event = event(name);
        assert_eq!(event["isBase64Encoded"], false);
        assert_eq!(json(text(&event, "/body").as_bytes()), order, "{name}");
    }
    for name in ["api-gateway-v2", "function-url"] {
        let event = event(name);
        let length: usize = text(&event, "/headers/content-length").parse().unwrap();
        assert_eq!(length, serde_json::to_string(&order).unwrap().len(), "{name}");
    }
    let websocket = event("websocket");
    let message = json(text(&websocket, "/body").as_bytes());
    assert_eq!(message["action"], websocket["requestContext"]["routeKey"], "the route selection expression");
}

#[test]
fn base64_records_decode() {
    for (name, list, data) in [("kinesis", "Records", "/kinesis/data"), ("firehose", "records", "/data")] {
        let event = event(name);
        let records = event[list].as_array().unwrap();
        assert_eq!(records.len(), 2);
        for (record, page) in records.iter().zip(["/", "/cart"]) {
            assert_eq!(json(&decoded(text(record, data)))["page"], page, "{name}");
        }
    }
    let msk = event("msk");
    let record = &msk["records"]["orders-0"][0];
    assert_eq!(json(&decoded(text(record, "/value")))["orderId"], "A-1001");
    assert_eq!(decoded(text(record, "/key")), b"A-1001");
    let header: Vec<u8> = serde_json::from_value(record["headers"][0]["origin"].clone()).unwrap();
    assert_eq!(header, b"web");
    assert_eq!(
        format!("{}-{}", text(record, "/topic"), record["partition"]),
        "orders-0",
        "the name of its list"
    );
    assert!(!decoded(text(&event("sns"), "/Records/0/Sns/Signature")).is_empty());
}

#[test]
fn the_log_events_inflate_to_the_documented_message() {
    let event = event("cloudwatch-logs");
    let mut inflated = Vec::new();
    let bytes = decoded(text(&event, "/awslogs/data"));
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut inflated).unwrap();
    let message = json(&inflated);
    assert_eq!((text(&message, "/messageType"), text(&message, "/owner")), ("DATA_MESSAGE", ACCOUNT));
    assert_eq!(message["subscriptionFilters"].as_array().unwrap().len(), 1);
    assert!(text(&message, "/logGroup").starts_with("/aws/lambda/") && message["logStream"].is_string());
    let events = message["logEvents"].as_array().unwrap();
    assert_eq!(events.len(), 2);
    for event in events {
        assert!(event["id"].is_string() && event["timestamp"].is_u64() && event["message"].is_string());
    }
}

#[test]
fn embedded_json_is_valid() {
    for (name, pointer) in [
        ("sns", "/Records/0/Sns/Message"),
        ("sqs", "/Records/0/body"),
        ("cloudwatch-alarm", "/alarmData/state/reasonData"),
        ("cloudwatch-alarm", "/alarmData/previousState/reasonData"),
        ("codepipeline", "/CodePipeline.job/data/actionConfiguration/configuration/UserParameters"),
    ] {
        assert!(json(text(&event(name), pointer).as_bytes()).is_object(), "{name}");
    }
}

#[test]
fn repeated_values_are_equal() {
    let event = event("api-gateway-v1");
    for (one, many) in
        [("headers", "multiValueHeaders"), ("queryStringParameters", "multiValueQueryStringParameters")]
    {
        let one = event[one].as_object().unwrap();
        assert!(one.iter().all(|(key, value)| event[many][key] == serde_json::json!([value])), "{many}");
    }
    assert_eq!(
        text(&event, "/requestContext/path"),
        format!("/{}{}", text(&event, "/requestContext/stage"), text(&event, "/path"))
    );
    for (name, time, epoch) in [
        ("api-gateway-v1", "/requestContext/requestTime", "/requestContext/requestTimeEpoch"),
        ("api-gateway-authorizer", "/requestContext/requestTime", "/requestContext/requestTimeEpoch"),
        ("websocket", "/requestContext/requestTime", "/requestContext/requestTimeEpoch"),
        ("api-gateway-v2", "/requestContext/time", "/requestContext/timeEpoch"),
        ("function-url", "/requestContext/time", "/requestContext/timeEpoch"),
    ] {
        let event = super::tests::event(name);
        let parsed = jiff::Timestamp::strptime("%d/%b/%Y:%H:%M:%S %z", text(&event, time)).unwrap();
        let epoch = event.pointer(epoch).and_then(Value::as_i64).unwrap();
        assert_eq!(parsed.as_second(), epoch / 1000, "{name}");
    }
}

#[test]
fn digests_match_their_content() {
    let sqs = event("sqs");
    let records = sqs["Records"].as_array().unwrap();
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!(text(record, "/md5OfBody"), md5(text(record, "/body").as_bytes()));
    }
    let object = &event("s3-put")["Records"][0]["s3"]["object"];
    assert_eq!((text(object, "/eTag"), &object["size"]), (&*md5(b"hello, world\n"), &Value::from(13)));
}

/// MD5 (RFC 1321). limg itself does not use it.
fn md5(message: &[u8]) -> String {
    const TURNS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut bytes = message.to_vec();
    bytes.push(0x80);
    bytes.resize(bytes.len().next_multiple_of(64), 0);
    if message.len() % 64 > 55 {
        bytes.resize(bytes.len() + 64, 0);
    }
    let end = bytes.len() - 8;
    bytes[end..].copy_from_slice(&(8 * message.len() as u64).to_le_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in bytes.chunks_exact(64) {
        let words: Vec<u32> =
            block.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64 {
            let (mixed, word) = match step / 16 {
                0 => ((b & c) | (!b & d), step),
                1 => ((b & d) | (c & !d), 5 * step + 1),
                2 => (b ^ c ^ d, 3 * step + 5),
                _ => (c ^ (b | !d), 7 * step),
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "section 3.4: the integer part of 4294967296 times the sine, which fits"
            )]
            let sine = (4_294_967_296.0 * ((step + 1) as f64).sin().abs()) as u32;
            let sum = a.wrapping_add(mixed).wrapping_add(words[word % 16]).wrapping_add(sine);
            let turned = sum.rotate_left(TURNS[step / 16][step % 4]);
            (a, d, c, b) = (d, c, b, b.wrapping_add(turned));
        }
        for (sum, part) in state.iter_mut().zip([a, b, c, d]) {
            *sum = sum.wrapping_add(part);
        }
    }
    // The digest is the little-endian bytes of each word; `{:x}` prints the most significant byte first.
    state.map(|word| format!("{:08x}", word.swap_bytes())).concat()
}

#[test]
fn md5_matches_the_rfc() {
    for (message, digest) in [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "57edf4a22be3c955ac49da2e2107b67a",
        ),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "d174ab98d277d9f5a5611c2c9f419d9f",
        ),
    ] {
        assert_eq!(md5(message.as_bytes()), digest);
    }
}
