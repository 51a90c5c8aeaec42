//! `limg schema`: the JSON Schema that editors use.

use serde_json::Value;

use crate::support::Context;

/// Everything in `value` that the schema does not allow, for the keywords that limg's schema uses.
fn faults(schema: &Value, value: &Value, at: &str, faults_found: &mut Vec<String>) {
    let mut fault = |what: String| faults_found.push(format!("{at}: {what}"));
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |word: &Value| word == kind || (word == "number" && kind == "integer");
    match &schema["type"] {
        Value::Null => {}
        Value::Array(words) if words.iter().any(is) => {}
        word if is(word) => {}
        words => fault(format!("{kind} instead of {words}")),
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        fault(format!("{value} is not one of {words:?}"));
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        if value.get(required.as_str().unwrap()).is_none() {
            fault(format!("no {required}"));
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{key}");
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(property), _) => faults(property, inner, &at, faults_found),
            (None, Value::Bool(false)) => faults_found.push(format!("{at}: unknown")),
            (None, rest) => faults(rest, inner, &at, faults_found),
        }
    }
    for (position, item) in value.as_array().into_iter().flatten().enumerate() {
        faults(&schema["items"], item, &format!("{at}[{position}]"), faults_found);
    }
}

fn check(schema: &Value, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    faults(schema, &serde_yaml::from_str(text).unwrap(), "", &mut found);
    found
}

#[test]
fn every_example_matches_the_schema() {
    let context = Context::new();
    let schema: Value = serde_json::from_str(&context.limg(&["schema"]).ok().stdout).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let file = entry.unwrap().path().join("limg.yaml");
        if file.exists() {
            let text = std::fs::read_to_string(&file).unwrap();
            assert_eq!(check(&schema, &text), [""; 0], "{}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 1);
    assert_eq!(check(&schema, crate::build::SHOP), [""; 0]);
    for (bad, fault) in [
        ("functions: { a: { handlr: x } }", ".functions.a.handlr: unknown"),
        ("functions: [a]", ".functions: array instead of \"object\""),
        ("project: a", ": no \"functions\""),
        ("functions: { a: { layers: [1] } }", ".functions.a.layers[0]: integer instead of \"string\""),
    ] {
        assert!(
            check(&schema, bad).iter().any(|found| found.starts_with(fault)),
            "{bad}: {:?}",
            check(&schema, bad)
        );
    }
}

#[test]
fn every_definition_in_the_documentation_matches_the_schema() {
    let context = Context::new();
    let schema: Value = serde_json::from_str(&context.limg(&["schema"]).ok().stdout).unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for file in ["README.md", "docs/limg-yaml.md"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
            if block.contains("functions:") {
                assert_eq!(check(&schema, block), [""; 0], "{file}: {block}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 1);
}
