//! What limg reports about variables that it cannot resolve.

use super::service;

/// Message, help and place of the finding about the key `x` of a service.
fn reported(text: &str, files: &[(&'static str, &str)]) -> (String, String, String) {
    let service = service(text, files);
    let resolver = service.resolver();
    let x = resolver.get(&resolver.root(), "x").unwrap_err();
    let finding = x.finding();
    let file = finding.place.file().file_name().unwrap().to_str().unwrap().to_owned();
    let help = finding.help.and_then(|help| help.render(|_| None)).unwrap();
    (finding.message, help, format!("{file}: {}", finding.place.path()))
}

#[test]
fn each_unresolved_variable_is_named_with_what_settles_it() {
    for (x, message, help) in [
        (
            "${opt:stage}",
            "`${opt:stage}` has no value",
            "use `--stage STAGE`, or add a default: `${opt:stage, 'VALUE'}`",
        ),
        (
            "${opt:region}",
            "`${opt:region}` has no value",
            "use `--region REGION`, or add a default: `${opt:region, 'VALUE'}`",
        ),
        ("${opt:memory}", "`${opt:memory}` has no value", "add a default: `${opt:memory, 'VALUE'}`"),
        (
            "${opt:stage, self:custom.none}",
            "`${opt:stage}` has no value",
            "use `--stage STAGE`, or add a default: `${opt:stage, 'VALUE'}`",
        ),
        (
            "${param:domain}",
            "`${param:domain}` has no value for this stage",
            "use `--param domain=VALUE`, or use `--stage STAGE`",
        ),
        (
            "a${env:NONE}",
            "the environment variable `NONE` is not set",
            "set it, or add a default: `${env:NONE, 'VALUE'}`",
        ),
        (
            "${self:custom.none.a}",
            "`${self:custom.none.a}` names nothing in this service",
            "correct the name, or add a default: `${self:custom.none.a, 'VALUE'}`",
        ),
        (
            "${file(none.yml):a}",
            "the file `none.yml` does not exist",
            "create it, or use `--stage STAGE` if the stage names it",
        ),
        (
            "${self:custom.${sls:stage}}",
            "`${self:custom.dev}` names nothing in this service",
            "correct the name, or add a default: `${self:custom.dev, 'VALUE'}`",
        ),
        (
            "${file(a.yml):none}",
            "`${file(a.yml):none}` names nothing in `a.yml`",
            "correct the name, or add a default: `${file(a.yml):none, 'VALUE'}`",
        ),
        (
            "${file(a.js):key, 'x'}",
            "the value is computed by `a.js`, which limg does not run",
            "run `serverless package`: its output contains the resolved value",
        ),
        (
            "${file(/etc/a.yml)}",
            "`/etc/a.yml` is an absolute path; limg reads files by their path from the service",
            "correct the file or its name",
        ),
        (
            "${ssm:/a/b, 'secret'}",
            "limg cannot resolve `${ssm:/a/b}`, which needs another service",
            "run `serverless package`: its output contains the resolved value",
        ),
        (
            "${cf(eu-west-1):stack.Out}",
            "limg cannot resolve `${cf(eu-west-1):stack.Out}`, which needs another service",
            "run `serverless package`: its output contains the resolved value",
        ),
        (
            "${sls:instanceId}",
            "limg cannot resolve `${sls:instanceId}`, which needs another service",
            "run `serverless package`: its output contains the resolved value",
        ),
        (
            "a${self:custom}",
            "`${self:custom}` is not a text, and cannot be part of one",
            "name a single value",
        ),
        (
            "a${opt:none, null}",
            "`${opt:none}` is not a text, and cannot be part of one",
            "name a single value",
        ),
        ("${self:x}", "the value depends on itself", "remove the circular reference"),
        (
            "${opt:stage, dev}",
            "`dev` is not a source of a variable; a text needs quotes",
            "write variables as `${SOURCE:ADDRESS, 'DEFAULT'}`",
        ),
        ("'${self:a'", "a variable has no closing `}`", "write variables as `${SOURCE:ADDRESS, 'DEFAULT'}`"),
        (
            "${strToBool(maybe)}",
            "`strToBool` converts `true`, `false`, `1` and `0` only",
            "write variables as `${SOURCE:ADDRESS, 'DEFAULT'}`",
        ),
        ("${file():a}", "`${file():a}` names no file", "write variables as `${SOURCE:ADDRESS, 'DEFAULT'}`"),
    ] {
        let found = reported(&format!("custom: {{}}\nx: {x}\n"), &[("a.yml", "a: 1")]);
        let expected = (message.to_owned(), help.to_owned(), "serverless.yml: x".to_owned());
        assert_eq!(found, expected, "{x}");
    }
}

#[test]
fn the_place_is_that_of_the_text_with_the_variable() {
    let text = "custom: { a: { b: \"${ssm:/x}\" }, f: \"${file(f.yml)}\" }\nx: ${self:custom.";
    let places = [("a.b}", "serverless.yml: custom.a.b"), ("f.list.1}", "f.yml: list[1]")];
    for (rest, place) in places {
        let found = reported(&format!("{text}{rest}\n"), &[("f.yml", "list: [1, \"${s3:b/k}\"]")]);
        assert_eq!(found.2, place);
    }
}

#[test]
fn a_file_that_is_not_valid_is_reported_with_its_name() {
    let (message, ..) = reported("x: ${file(bad.yml):a}\n", &[("bad.yml", "a: [")]);
    assert!(message.starts_with("`/shop/bad.yml` is not valid YAML"), "{message}");
}

#[test]
fn variables_that_lead_to_each_other_end() {
    let circle = "x: ${self:a}\na: ${self:b, 'default'}\nb: ${self:a}\n";
    assert_eq!(reported(circle, &[]).0, "the value depends on itself");

    let service =
        |step: fn(usize) -> String| format!("x: ${{self:a0}}\n{}", (0..100).map(step).collect::<String>());
    let doubling = service(|step| format!("a{step}: \"${{self:a{0}}}${{self:a{0}}}\"\n", step + 1));
    let chain = service(|step| format!("a{step}: \"${{self:a{}}}\"\n", step + 1));
    for text in [doubling.clone(), chain, doubling.replace("}$", ", 'x'}$").replace("a100", "none")] {
        assert_eq!(reported(&text, &[]).0, "variables lead to each other too often");
    }
}
