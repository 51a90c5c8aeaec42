//! What variables resolve to.

use super::{service, shown};

/// What all services here have in addition to `x`.
const COMMON: &str = r#"
service: shop
provider: { name: aws, stage: "${opt:stage, 'test'}", runtime: nodejs22.x, layers: [a, "${self:service}"] }
params:
  default: { domain: "${sls:stage}.example.com", size: 1 }
  prod: { domain: example.com }
stages:
  default: { params: { size: 2, depth: 9 } }
  prod: { params: { size: 3 } }
custom:
  memory: { dev: 128, test: 256, prod: 512 }
  list: [zero, one]
  yes: true
  nothing: null
  later: ${self:custom.chain}
  chain: ${self:custom.memory}
"#;

const FILES: &[(&str, &str)] = &[
    ("a.yml", "top: { x: 1, y: [p, q] }\nstage: ${sls:stage}\nnext: ${file(b.json):v}\n"),
    ("b.json", r#"{"v": "${self:service}-${file(./a.yml):top.x}", "n": null}"#),
    ("config/test.yml", "a: { b: deep }\n"),
    ("version.txt", "1.${self:custom.list.1}"),
    ("list.yml", "- first\n- ${self:custom.yes}\n"),
];

fn value_of(x: &str, stage: Option<&'static str>) -> String {
    let mut service = service(&format!("{COMMON}x: {x}\n"), FILES);
    service.stage = stage;
    shown(&service)
}

#[test]
fn variables_resolve_as_in_the_serverless_framework() {
    for (x, expected) in [
        // Without a variable.
        ("plain", r#""plain""#),
        ("${AWS::Region}", r#""${AWS::Region}""#),
        (
            "'${Resource} ${Resource.Arn} ${} ${Ab:c} $ {x} ${a $${b}'",
            r#""${Resource} ${Resource.Arn} ${} ${Ab:c} $ {x} ${a $${b}""#,
        ),
        // The whole value keeps its type.
        ("${self:custom.memory.test}", "256"),
        ("${self:custom.yes}", "true"),
        ("${self:service}", r#""shop""#),
        ("${self:custom.memory}", "{dev: 128, test: 256, prod: 512}"),
        ("${self:custom.later}", "{dev: 128, test: 256, prod: 512}"),
        ("${self:custom.later.prod}", "512"),
        ("${self:provider.layers}", r#"["a", "shop"]"#),
        ("[1, '${self:custom.list}']", r#"[1, ["zero", "one"]]"#),
        ("${self:custom.list.1}", r#""one""#),
        ("${self:custom.list[0]}", r#""zero""#),
        ("!Sub '${self:service}-${AWS::Region}'", r#"!Sub "shop-${AWS::Region}""#),
        // In a text.
        ("a-${self:custom.memory.test}-${self:custom.yes}-${sls:stage}", r#""a-256-true-test""#),
        (
            "arn:aws:lambda:${aws:region}:${AWS::AccountId}:layer:x",
            r#""arn:aws:lambda:us-east-1:${AWS::AccountId}:layer:x""#,
        ),
        // Variables in variables.
        ("${self:custom.memory.${sls:stage}}", "256"),
        ("${self:custom.memory.${opt:stage, self:provider.stage}}", "256"),
        ("${self:custom.${opt:none, 'memory'}.${opt:stage, 'prod'}}", "512"),
        ("${self:${self:custom.nothing, 'custom.list.1'}}", r#""one""#),
        // Defaults.
        ("${opt:none, 'a b, c'}", r#""a b, c""#),
        (r#"'${opt:none, "a\"b"}'"#, r#""a\"b""#),
        ("${opt:none, opt:other, self:custom.nothing, 3}", "3"),
        ("${opt:none, -1.5}", "-1.5"),
        ("${opt:none, true}", "true"),
        ("'${opt:none, \"\"}'", r#""""#),
        ("${opt:none, null}", "-"),
        ("${opt:none, ${self:service}}", r#""shop""#),
        ("${opt:none, ${opt:other}, 4}", "4"),
        ("${ opt:none,self:service }", r#""shop""#),
        ("${opt:none, self:custom.memory}", "{dev: 128, test: 256, prod: 512}"),
        // Sources.
        ("${env:HOME_STAGE}", r#""home""#),
        ("${env:NESTED}", r#""shop!""#),
        ("${env:EMPTY, 'x'}", r#""""#),
        ("${env:NONE, 'x'}", r#""x""#),
        ("${param:color}", r#""red""#),
        ("${param:domain}", r#""test.example.com""#),
        ("${param:size}", "2"),
        ("${param:depth}", "9"),
        ("${param:none, 'x'}", r#""x""#),
        ("${strToBool(True)} ", "true"),
        ("${strToBool(${self:custom.yes})}", "true"),
        ("${strToBool(0)}", "false"),
        // Files.
        ("${file(a.yml)}", r#"{top: {x: 1, y: ["p", "q"]}, stage: "test", next: "shop-1"}"#),
        ("${file(./a.yml):top.y.1}", r#""q""#),
        ("${file(a.yml):stage}", r#""test""#),
        ("${file(b.json):v}", r#""shop-1""#),
        ("${file(config/${sls:stage}.yml):a.b}", r#""deep""#),
        ("${file(config/${opt:stage, 'dev'}.yml):a.b, file(a.yml):top.x}", "1"),
        ("${file(none.yml), 'x'}", r#""x""#),
        ("${file(none.yml):a.b, null}", "-"),
        ("${file(b.json):n, 'x'}", r#""x""#),
        ("${file(config/../a.yml):top.x}", "1"),
        ("${file('a.yml'):top.x}", "1"),
        ("${file(version.txt)}", r#""1.one""#),
        ("${file(list.yml)}", r#"["first", true]"#),
        ("${file(list.yml):1}", "true"),
        // Escapes.
        (r"\${self:service}", r#""${self:service}""#),
        (r"a\\${self:service}", r#""a\\shop""#),
        (r"a\b\\c", r#""a\\b\\\\c""#),
    ] {
        assert_eq!(value_of(x, None), expected, "{x}");
    }
}

#[test]
fn the_stage_of_the_command_line_decides() {
    for (x, expected) in [
        ("${sls:stage}", r#""prod""#),
        ("${opt:stage}", r#""prod""#),
        ("${opt:stage, 'dev'}", r#""prod""#),
        ("${self:provider.stage}", r#""prod""#),
        ("${param:domain}", r#""example.com""#),
        ("${param:size}", "3"),
        ("${param:depth}", "9"),
        ("${self:custom.memory.${sls:stage}}", "512"),
    ] {
        assert_eq!(value_of(x, Some("prod")), expected, "{x}");
    }
}

#[test]
fn stage_and_region_have_the_defaults_of_serverless() {
    for (x, expected) in [
        ("${sls:stage} ${aws:region}", r#""dev us-east-1""#),
        ("${self:provider.stage} ${self:provider.region}", r#""dev us-east-1""#),
        ("${self:provider.stage, 'mine'}", r#""mine""#),
        ("${opt:region, self:provider.region}", r#""us-east-1""#),
    ] {
        let mut service = service(&format!("provider: aws\nx: {x}\n"), &[]);
        assert_eq!(shown(&service), expected, "{x}");
        service.region = Some("eu-west-1");
        assert!(!x.contains(":region") || shown(&service).contains("eu-west-1"), "{x}");
    }
    let service = service("provider: { region: eu-north-1 }\nx: ${aws:region}\n", &[]);
    assert_eq!(shown(&service), r#""eu-north-1""#);
}

#[test]
fn parts_of_a_service_may_come_from_files() {
    let files = &[
        ("params.yml", "default: { name: a }\nprod: { name: b }\n"),
        ("provider.yml", "stage: prod\nregion: eu-west-1\n"),
        ("functions/orders.yml", "orders: { handler: \"${self:custom.dir}/orders.handler\" }\n"),
    ];
    let text = "
params: ${file(params.yml)}
provider: ${file(provider.yml)}
custom: { dir: src }
functions: ${file(functions/${self:custom.file, 'orders'}.yml)}
x: [\"${param:name}\", \"${aws:region}\", \"${self:functions.orders.handler}\"]
";
    assert_eq!(shown(&service(text, files)), r#"["b", "eu-west-1", "src/orders.handler"]"#);
}
