//! The probe as a program that is its own runtime: performs the operations in the event, each `["name", argument]`,
//! and responds with their results. It parses only the JSON that the tests write: without spaces, and without escapes
//! in strings.

mod http;

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs};

fn main() {
    const API: &str = "/2018-06-01/runtime/invocation";
    loop {
        let next = http::request("GET", &format!("{API}/next"), "", b"");
        let identifier = next.header("lambda-runtime-aws-request-id");
        let event = String::from_utf8(next.body).expect("an event of text");
        let (verdict, body) = match respond(&event) {
            Ok(results) => ("response", format!("[{}]", results.join(","))),
            Err(message) => {
                ("error", format!("{{\"errorType\":\"ProbeError\",\"errorMessage\":{}}}", quote(&message)))
            }
        };
        http::request("POST", &format!("{API}/{identifier}/{verdict}"), "", body.as_bytes());
    }
}

/// The results of all operations, or the first one's error.
fn respond(event: &str) -> Result<Vec<String>, String> {
    let mut rest = event.strip_prefix("[[").ok_or("the event is not a list of operations")?;
    let mut results = Vec::new();
    loop {
        let (operation, further) = rest.split_once(']').ok_or("an operation has no end")?;
        let (name, argument) = operation.split_once(',').ok_or("an operation has no argument")?;
        results.push(result(name.trim_matches('"'), argument.trim_matches('"'))?);
        match further.strip_prefix(",[") {
            Some(further) => rest = further,
            None => return Ok(results),
        }
    }
}

fn result(name: &str, argument: &str) -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{name} {argument}: {error}");
    Ok(match name {
        "read" => quote(&fs::read_to_string(argument).map_err(|error| failed(&error))?),
        "environment" => env::var(argument).map_or("null".to_owned(), |value| quote(&value)),
        "run" => {
            let output = Command::new(argument).output().map_err(|error| failed(&error))?;
            quote(String::from_utf8_lossy(&output.stdout).trim())
        }
        "command" => {
            let words: Vec<_> = env::args().map(|word| quote(&word)).collect();
            format!("[{}]", words.join(","))
        }
        "fail" => return Err(argument.to_owned()),
        "wait" => {
            println!("waiting");
            sleep(Duration::from_secs(argument.parse().map_err(|error| failed(&error))?));
            "null".to_owned()
        }
        "fill" => quote(&"x".repeat(argument.parse().map_err(|error| failed(&error))?)),
        "length" => argument.len().to_string(),
        _ => return Err(format!("unknown operation {name}")),
    })
}

/// A text as JSON.
fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}
