//! The description of the API that the pages are typed by is the server's own.

use std::path::Path;

use eggmoney::http::{openapi_document, routes};
use serde_json::Value;

fn committed() -> String {
    fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/openapi.json")).unwrap()
}

#[test]
fn the_pages_are_typed_by_the_present_description() {
    let present = openapi_document().to_pretty_json().unwrap();
    let differs = committed().lines().zip(present.lines()).position(|(a, b)| a != b);
    let hint = "write it anew: eggmoney openapi > ui/openapi.json, then npm run api in ui";
    assert!(committed().trim_end() == present.trim_end(), "ui/openapi.json differs from line {:?} on; {hint}", differs.map(|n| n + 1));
}

#[test]
fn every_route_is_an_operation_with_a_summary_and_a_named_answer() {
    let api: Value = serde_json::from_str(&committed()).unwrap();
    let mut operations = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let name = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|s| s.len() > 4), "{name} has no summary");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.contains_key("default"), "{name} does not tell how it fails");
            let good: Vec<&String> =
                answers.keys().filter(|status| status.starts_with('2') || ["101", "303"].contains(&status.as_str())).collect();
            assert!(!good.is_empty(), "{name} does not tell how it succeeds");
            for status in good {
                let body = answers[status].get("content").is_some();
                let empty = status == "204" || status == "303" || path.ends_with("z");
                assert!(body != empty, "{name}: the answer {status} {}", if empty { "has a body" } else { "has no body" });
            }
        }
    }
    assert_eq!(operations, routes::all().len());
}

/// `Object` without members says nothing to the one who reads it.
#[test]
fn no_schema_is_an_object_without_members() {
    fn look(value: &Value, path: &str) {
        if let Value::Object(fields) = value {
            let vague = fields.get("type").is_some_and(|t| t == "object" || *t == serde_json::json!(["object", "null"]))
                && !["properties", "additionalProperties", "allOf", "oneOf"].iter().any(|k| fields.contains_key(*k));
            assert!(!vague, "{path} is an object without members");
        }
        match value {
            Value::Object(fields) => fields.iter().for_each(|(k, v)| look(v, &format!("{path}/{k}"))),
            Value::Array(items) => items.iter().enumerate().for_each(|(n, v)| look(v, &format!("{path}/{n}"))),
            _ => {}
        }
    }
    let api: Value = serde_json::from_str(&committed()).unwrap();
    look(&api["components"]["schemas"], "");
    look(&api["paths"], "");
}
