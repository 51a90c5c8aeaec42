//! The way back to Terraform: the references of images as the value of a variable.

use std::collections::BTreeMap;

/// The variable: a map from the names of functions to the references of their images.
const VARIABLE: &str = "limg_image_uris";

/// A variable definitions file in JSON (Terraform language, Input variables). Terraform reads it by itself if its name ends in
/// `.auto.tfvars.json`.
#[must_use]
pub(in crate::definition) fn variables_file(image_uris: &BTreeMap<String, String>) -> String {
    let value = serde_json::json!({ VARIABLE: image_uris });
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_one_variable_with_all_references() {
        let images = [("orders", "r/orders@sha256:1"), ("api/this/0", "r/api@sha256:2"), ("a\"b", "x")];
        let images = images.map(|(name, uri)| (name.to_owned(), uri.to_owned())).into();
        let expected = r#"{
  "limg_image_uris": {
    "a\"b": "x",
    "api/this/0": "r/api@sha256:2",
    "orders": "r/orders@sha256:1"
  }
}
"#;
        assert_eq!(variables_file(&images), expected);
        assert_eq!(variables_file(&BTreeMap::new()), "{\n  \"limg_image_uris\": {}\n}\n");
    }
}
