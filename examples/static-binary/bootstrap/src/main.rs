//! The function: counts the words of `{"text": …}`.
//!
//! `lambda_runtime` does what a managed runtime would do: it asks for the next event, calls
//! [`count`], and sends the answer or the error back.

use std::collections::HashMap;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(count)).await
}

async fn count(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let Some(text) = event.payload["text"].as_str() else {
        return Err(Diagnostic {
            error_type: "NoText".to_owned(),
            error_message: "the event needs a `text`, which must be a string".to_owned(),
        });
    };
    let mut occurrences: HashMap<String, usize> = HashMap::new();
    for word in text.split_whitespace() {
        *occurrences.entry(word.to_lowercase()).or_default() += 1;
    }
    Ok(json!({
        "words": occurrences.values().sum::<usize>(),
        "different_words": occurrences.len(),
    }))
}
