//! Single features.

use super::{RewriteOptions, URI, shown, text_of};

/// Rewrites with `Orders` as an image whose command is its handler. `$IMAGE` stands for the URI.
fn check(file: &str, before: &str, options: &RewriteOptions, after: &str) {
    let found = text_of(file, before, &["Orders=app.handler"], options).replace(URI, "$IMAGE");
    assert!(found == after, "\n{before}\nbecomes\n{found}\ninstead of\n{after}");
}

#[test]
fn the_image_comes_where_the_code_was_in_every_style() {
    for (file, before, after) in [
        (
            "t.yaml",
            "\u{feff}Resources:\n    Orders:\n        Type: AWS::Lambda::Function\n        Properties:\n            Role: r\n            \
             Code:\n                ZipFile: |\n                    x = 1\n\n            Handler: app.handler\n            Timeout: 3\n",
            "\u{feff}Resources:\n    Orders:\n        Type: AWS::Lambda::Function\n        Properties:\n            Role: r\n            \
             PackageType: Image\n            Code:\n                ImageUri: $IMAGE\n            ImageConfig:\n                \
             Command: [app.handler]\n\n            Timeout: 3\n",
        ),
        (
            "t.yaml",
            "Resources: {Orders: {Type: AWS::Serverless::Function, Properties: {Timeout: 3, Runtime: x, CodeUri: .}}}\n",
            "Resources: {Orders: {Type: AWS::Serverless::Function, Properties: {Timeout: 3, PackageType: Image, ImageUri: $IMAGE, \
             ImageConfig: { Command: [app.handler] }}}}\n",
        ),
        (
            "t.json",
            r#"{"Resources":{"Orders":{"Type":"AWS::Serverless::Function","Properties":{"Runtime":"x","Timeout":3}}}}"#,
            r#"{"Resources":{"Orders":{"Type":"AWS::Serverless::Function","Properties":{"PackageType":"Image","ImageUri":"$IMAGE","ImageConfig":{"Command":["app.handler"]},"Timeout":3}}}}"#,
        ),
        // Nothing of its own.
        (
            "t.yaml",
            "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    DependsOn: x",
            "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties:\n      PackageType: Image\n      ImageUri: \
             $IMAGE\n      ImageConfig:\n        Command: [app.handler]\n    DependsOn: x",
        ),
        (
            "t.yaml",
            "Resources:\n  Orders:\n    Properties:\n    Type: AWS::Serverless::Function\n",
            "Resources:\n  Orders:\n    Properties:\n      PackageType: Image\n      ImageUri: $IMAGE\n      ImageConfig:\n        \
             Command: [app.handler]\n    Type: AWS::Serverless::Function\n",
        ),
        // What another tool has written.
        (
            "t.yaml",
            "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties:\n      PackageType: Zip\n      ImageConfig: \
             {WorkingDirectory: /x}\n",
            "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties:\n      PackageType: Image\n      ImageUri: \
             $IMAGE\n      ImageConfig: {Command: [app.handler], WorkingDirectory: /x}\n",
        ),
        (
            "t.yaml",
            "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties:\n      ImageConfig:\n        Command: [x]\n      \
             CodeUri: .\n",
            "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties:\n      ImageConfig:\n        Command: \
             [app.handler]\n      PackageType: Image\n      ImageUri: $IMAGE\n",
        ),
    ] {
        check(file, before, &RewriteOptions::default(), after);
    }
}

#[test]
fn a_key_that_is_there_twice_is_not_changed() {
    let duplicate = |path: &str| format!("{path}: duplicate key [duplicate-key]; remove one of them");
    let function = "  Orders: { Type: AWS::Serverless::Function, Properties: { CodeUri: . } }\n";
    let other = "  Orders: { Type: AWS::Serverless::Api, Properties: { StageName: x } }\n";
    let renamed = RewriteOptions { suffix: Some("V2".to_owned()), ..RewriteOptions::default() };
    for resources in [format!("{function}{function}"), format!("{other}{function}")] {
        for options in [&RewriteOptions::default(), &renamed] {
            let text = format!("Resources:\n{resources}");
            check("t.yaml", &text, options, &duplicate("Resources.Orders"));
        }
    }
    let outputs = "Outputs:\n  A: { Value: !GetAtt Orders.Arn }\n  A: { Value: !Ref Orders }\n";
    check("t.yaml", &format!("Resources:\n{function}{outputs}"), &renamed, &duplicate("Outputs.A"));
    // Where nothing changes, it does not matter.
    let text = format!("Resources:\n{function}{outputs}");
    assert!(text_of("t.yaml", &text, &["Orders"], &RewriteOptions::default()).ends_with(outputs));
}

#[test]
fn handlers_are_quoted_where_yaml_requires_it() {
    let template =
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: .\n";
    for (handler, written) in [
        ("app.handler", "[app.handler]"),
        ("Shop::Shop.Function::Handle", "[Shop::Shop.Function::Handle]"),
        ("true", "[\"true\"]"),
        ("a, b", "[\"a, b\"]"),
        ("1.5", "[\"1.5\"]"),
        ("é\"", "[\"é\\\"\"]"),
    ] {
        let found = text_of("t.yaml", template, &[&format!("F={handler}")], &RewriteOptions::default());
        assert_eq!(found.lines().last().unwrap().trim(), format!("Command: {written}"));
    }
}

#[test]
fn a_layer_that_something_else_names_stays() {
    let options = RewriteOptions { prune_layers: true, suffix: None, values: Vec::new() };
    let template = "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties:\n      Layers: [!Ref Utils]\n";
    let layer = "  # The layer.\n  Utils:\n    Type: AWS::Serverless::LayerVersion\n    Properties: { ContentUri: u }\n";
    let converted = "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties:\n      PackageType: Image\n      \
                     ImageUri: $IMAGE\n      ImageConfig:\n        Command: [app.handler]\n";
    check("t.yaml", &format!("{template}{layer}"), &options, converted);
    for rest in [
        "Outputs:\n  U: { Value: !Ref Utils }\n",
        "  Other:\n    Type: AWS::Serverless::Function\n    Properties:\n      Layers: [!Ref Utils]\n",
        "  Table:\n    Type: AWS::Serverless::SimpleTable\n    DependsOn: Utils\n",
        "  P:\n    Type: AWS::Lambda::LayerVersionPermission\n    Properties: { LayerVersionArn: !Sub \"${Utils}\" }\n",
        "  Fn::ForEach::F:\n    - N\n    - [a, Ut]\n    - F${N}:\n        Type: AWS::Serverless::Function\n        Properties: { \
         Layers: [!Ref \"${N}ils\"] }\n",
        "  Fn::ForEach::F:\n    - N\n    - !Ref Names\n    - F${N}:\n        Type: AWS::Serverless::Function\n        Properties: { \
         Layers: [!Ref \"${N}\"] }\n",
    ] {
        check("t.yaml", &format!("{template}{layer}{rest}"), &options, &format!("{converted}{layer}{rest}"));
    }
    // No function used it before.
    let without = template.replace("Layers: [!Ref Utils]", "CodeUri: .");
    check("t.yaml", &format!("{without}{layer}"), &options, &format!("{converted}{layer}"));
}

#[test]
fn what_cannot_be_rewritten_is_an_error_at_its_place() {
    let text = |text: &str, functions: &[&str], suffix: Option<&str>| {
        let options =
            RewriteOptions { prune_layers: false, suffix: suffix.map(str::to_owned), values: Vec::new() };
        match super::rewritten("t.yaml", text, functions, &options) {
            Ok(rewritten) => panic!("{}", rewritten.text),
            Err(errors) => shown(&errors),
        }
    };
    let function = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: .\n  Fnew: {Type: X}\n";
    assert_eq!(
        text(function, &["F", "Fnew"], None),
        "Resources.Fnew: `Fnew` is not a function [unknown-value]"
    );
    assert_eq!(
        text(function, &["F"], Some("new")),
        "Resources.F: the logical id `Fnew` is the logical id of another resource [bad-name]; use another suffix of letters and digits"
    );
    assert_eq!(
        text(function, &["F"], Some("-x")),
        "Resources.F: the logical id `F-x` has characters other than letters and digits [bad-name]; use another suffix of letters and \
         digits"
    );
    let computed = function.replace("\n      CodeUri: .", " !Transform {Name: x}");
    assert_eq!(
        text(&computed, &["F"], None),
        "Resources.F.Properties: the properties of the function `F` are not a mapping [wrong-type]"
    );
    let twice = function.replace("CodeUri: .", "CodeUri: .\n      CodeUri: x");
    assert_eq!(
        text(&twice, &["F"], None),
        "Resources.F.Properties.CodeUri: duplicate key [duplicate-key]; remove one of them"
    );
    let config = function.replace("CodeUri: .", "ImageConfig: !If [A, B, C]");
    assert_eq!(
        text(&config, &["F=x"], None),
        "Resources.F.Properties.ImageConfig: limg cannot add `Command` to an `ImageConfig` that a function computes \
         [uneditable-value]; write `ImageConfig` as a mapping"
    );
}
