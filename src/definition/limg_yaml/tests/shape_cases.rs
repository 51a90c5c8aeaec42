//! Cases of documents that depart from the format: keys, types, bounds.

use super::findings::Case;

/// Each case by name: the definition, and all that is said about it.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "an empty file",
        text: "# nothing
",
        report: "
1:1 error[empty-definition] the definition is empty
  | # nothing
  help: add a function under `functions:`, or run `limg init` in an empty folder for an example
",
    },
    Case {
        name: "no function key",
        text: "project: shop
",
        report: "
1:1 error[missing-key] missing key `functions`
  | project: shop
  help: add `functions:` with one entry for each function
",
    },
    Case {
        name: "no functions",
        text: "functions: {}
",
        report: "
1:12 error[no-functions] there are no functions
  | functions: {}
  help: add one: `NAME: { runtime: ..., handler: ..., code: ... }`
",
    },
    Case {
        name: "functions without a value",
        text: "functions:
",
        report: "
1:1 error[empty-value] missing value: expected a mapping
  | functions:
  help: write `NAME: ...` on the lines below, indented, one on each line
",
    },
    Case {
        name: "a document that is not a mapping",
        text: "- orders
",
        report: "
1:1 error[wrong-type] expected a mapping, found a list
  | - orders
  help: write its keys on the lines below, indented; the keys are `bases`, `checks`, `defaults`, `ecr`, `extensions`, `functions`, `layers`, `project`
",
    },
    Case {
        name: "a function without a value",
        text: "functions:
  orders:
",
        report: "
2:3 error[empty-value] missing value: expected a mapping
  | orders:
  help: write its keys on the lines below, indented; the keys are `architecture`, `bundle`, `bytecode`, `code`, `default_excludes`, `dependencies`, `environment`, `exclude`, `extensions`, `follow`, `handler`, `handler_wrapper`, `install`, `layers`, `memory`, `runtime`, `snapstart`, `timeout`, `wrapper`
",
    },
    Case {
        name: "misspelt keys, which are not missing too",
        text: "functoins:
  orders:
    handlr: a.b
layers:
  utils: { pth: layers/utils }
",
        report: "
1:1 error[unknown-key] unknown key `functoins`
  | functoins:
  help: did you mean `functions`?
5:12 error[unknown-key] unknown key `pth`
  | utils: { pth: layers/utils }
  help: did you mean `path`?
",
    },
    Case {
        name: "a stranger among keys",
        text: "functions: {}
defaults: { zzz: 1, Handler: a.b, memorySize: 512 }
",
        report: "
2:13 error[unknown-key] unknown key `zzz`
  | defaults: { zzz: 1, Handler: a.b, memorySize: 512 }
  help: use one of `architecture`, `bundle`, `bytecode`, `code`, `default_excludes`, `dependencies`, `environment`, `exclude`, `extensions`, `follow`, `handler`, `handler_wrapper`, `install`, `layers`, `memory`, `runtime`, `snapstart`, `timeout`, `wrapper`
2:21 error[unknown-key] unknown key `Handler`
  | defaults: { zzz: 1, Handler: a.b, memorySize: 512 }
  help: did you mean `handler`?
2:35 error[unknown-key] unknown key `memorySize`
  | defaults: { zzz: 1, Handler: a.b, memorySize: 512 }
  help: did you mean `memory`?
",
    },
    Case {
        name: "a template",
        text: "Resources: {}
",
        report: "
1:1 error[unknown-key] unknown key `Resources`
  | Resources: {}
  help: use one of `bases`, `checks`, `defaults`, `ecr`, `extensions`, `functions`, `layers`, `project`
1:1 error[missing-key] missing key `functions`
  | Resources: {}
  help: add `functions:` with one entry for each function
",
    },
    Case {
        name: "a key twice",
        text: "functions:
  orders: {}
  orders: { timeout: 1, timeout: 2 }
",
        report: "
3:3 error[duplicate-key] duplicate key `orders`
  | orders: { timeout: 1, timeout: 2 }
  help: remove one of them
3:25 error[duplicate-key] duplicate key `timeout`
  | orders: { timeout: 1, timeout: 2 }
  help: remove one of them
",
    },
    Case {
        name: "texts that need quotes in brackets",
        text: r##"
layers: { l: "a, b" }
functions:
  a: { runtime: python3.12, handler: a.b, code: c, exclude: "*.md" }
  b: { runtime: python3.12, handler: a.b, code: c, exclude: "a: b" }
  c: { runtime: python3.12, handler: a.b, code: c, exclude: 12 }
  d: { runtime: python3.12, handler: a.b, code: c, exclude: "# \"x\"" }
  e: { runtime: python3.12, handler: a.b, code: c, exclude: "../a/**/b c" }
"##,
        report: r##"
2:14 error[wrong-type] expected a mapping, found text
  | layers: { l: "a, b" }
  help: write `{ path: "a, b" }`
4:61 error[wrong-type] expected a list, found text
  | a: { runtime: python3.12, handler: a.b, code: c, exclude: "*.md" }
  help: write a list: `["*.md"]`
5:61 error[wrong-type] expected a list, found text
  | b: { runtime: python3.12, handler: a.b, code: c, exclude: "a: b" }
  help: write a list: `["a: b"]`
6:61 error[wrong-type] expected a list, found a number
  | c: { runtime: python3.12, handler: a.b, code: c, exclude: 12 }
  help: write a list: `["12"]`
7:61 error[wrong-type] expected a list, found text
  | d: { runtime: python3.12, handler: a.b, code: c, exclude: "# \"x\"" }
  help: write a list: `["# \"x\""]`
8:61 error[wrong-type] expected a list, found text
  | e: { runtime: python3.12, handler: a.b, code: c, exclude: "../a/**/b c" }
  help: write a list: `[../a/**/b c]`
"##,
    },
    Case {
        name: "values of wrong types",
        text: r#"project: 2024
functions:
  orders:
    runtime: 3.12
    handler: [app.handler]
    layers: utils
    extensions: { tracer: x }
    environment:
      - STAGE=dev
    follow: yes
    timeout: 30s
    memory: "512"
    exclude: [1]
  billing: functions/billing
layers:
  utils: layers/utils
  more: [layers/utils]
  short: arn:aws:lambda:eu-west-1:1:layer:x:1
extensions: { tracer: layers/tracer }
"#,
        report: r#"
1:10 error[wrong-type] expected text, found a number
  | project: 2024
  help: put it in quotes: `"2024"`
5:14 error[wrong-type] expected text, found a list
  | handler: [app.handler]
  help: write a single text
6:13 error[wrong-type] expected a list, found text
  | layers: utils
  help: write a list: `[utils]`
7:17 error[wrong-type] expected a list, found a mapping
  | extensions: { tracer: x }
  help: write a list of names: `[first, second]`
9:7 error[wrong-type] expected a mapping, found a list
  help: write each entry under its name: `NAME: ...`, without `-`
10:13 error[wrong-type] expected a boolean, found text
  | follow: yes
  help: write `true` or `false`
11:14 error[wrong-type] expected a whole number, found text
  | timeout: 30s
  help: write a whole number from 1 to 5400, without quotes or unit
12:13 error[wrong-type] expected a whole number, found text
  | memory: "512"
  help: write a whole number from 128 to 32768, without quotes or unit
13:15 error[wrong-type] expected text, found a number
  | exclude: [1]
  help: put it in quotes: `"1"`
14:12 error[wrong-type] expected a mapping, found text
  | billing: functions/billing
  help: write its keys on the lines below, indented; the keys are `architecture`, `bundle`, `bytecode`, `code`, `default_excludes`, `dependencies`, `environment`, `exclude`, `extensions`, `follow`, `handler`, `handler_wrapper`, `install`, `layers`, `memory`, `runtime`, `snapstart`, `timeout`, `wrapper`
16:10 error[wrong-type] expected a mapping, found text
  | utils: layers/utils
  help: write `{ path: layers/utils }`
17:9 error[wrong-type] expected a mapping, found a list
  | more: [layers/utils]
  help: write its keys on the lines below, indented; the keys are `arn`, `bytecode`, `default_excludes`, `exclude`, `follow`, `ignore_compatibility`, `image`, `install`, `path`, `to`
18:10 error[wrong-type] expected a mapping, found text
  | short: arn:aws:lambda:eu-west-1:1:layer:x:1
  help: write `{ arn: arn:aws:lambda:eu-west-1:1:layer:x:1 }`
19:23 error[wrong-type] expected a mapping, found text
  | extensions: { tracer: layers/tracer }
  help: write `{ path: layers/tracer }`
"#,
    },
    Case {
        name: "numbers out of range",
        text: "functions:
  orders: { timeout: 5401, memory: 0x40 }
  billing: { timeout: 0, memory: 99999999999999999999999999 }
",
        report: "
2:22 error[out-of-range] 5401 is not between 1 and 5400
  | orders: { timeout: 5401, memory: 0x40 }
2:36 error[out-of-range] 64 is not between 128 and 32768
  | orders: { timeout: 5401, memory: 0x40 }
3:23 error[out-of-range] 0 is not between 1 and 5400
  | billing: { timeout: 0, memory: 99999999999999999999999999 }
3:34 error[out-of-range] 99999999999999999999999999 is not between 128 and 32768
  | billing: { timeout: 0, memory: 99999999999999999999999999 }
",
    },
    Case {
        name: "shapes of the ecr block",
        text: r#"functions: {}
ecr:
  repository: { project: x }
  scanOnPush: true
  immutable_tags: IMMUTABLE
  encryption: aes256
  keep: 0
  tags: [team]
  lambda_accounts: "210987654321"
"#,
        report: r#"
3:15 error[wrong-type] expected text, found a mapping
  | repository: { project: x }
  help: write a single text
4:3 error[unknown-key] unknown key `scanOnPush`
  | scanOnPush: true
  help: did you mean `scan_on_push`?
5:19 error[wrong-type] expected a boolean, found text
  | immutable_tags: IMMUTABLE
  help: write `true` or `false`
6:15 error[unknown-value] unknown value `aes256`
  | encryption: aes256
  help: did you mean `AES256`?
7:9 error[out-of-range] 0 is not between 1 and 100000
  | keep: 0
8:9 error[wrong-type] expected a mapping, found a list
  | tags: [team]
  help: write each entry under its name: `NAME: ...`, without `-`
9:20 error[wrong-type] expected a list, found text
  | lambda_accounts: "210987654321"
  help: write a list: `[210987654321]`
"#,
    },
    Case {
        name: "architectures of other tools",
        text: "functions:
  a: { architecture: amd64 }
  b: { architecture: linux/aarch64 }
  c: { architecture: X86-64 }
  d: { architecture: riscv }
",
        report: "
2:22 error[unknown-value] unknown value `amd64`
  | a: { architecture: amd64 }
  help: did you mean `x86_64`?
3:22 error[unknown-value] unknown value `linux/aarch64`
  | b: { architecture: linux/aarch64 }
  help: did you mean `arm64`?
4:22 error[unknown-value] unknown value `X86-64`
  | c: { architecture: X86-64 }
  help: did you mean `x86_64`?
5:22 error[unknown-value] unknown value `riscv`
  | d: { architecture: riscv }
  help: use one of `x86_64`, `arm64`
",
    },
    Case {
        name: "variables without a single value",
        text: "functions:
  orders:
    environment: { AA: , BB: ~, CC: [x], DD: { x: y }, EE: .inf, FF: 1e3 }
",
        report: r#"
3:20 error[empty-value] missing value: expected a single value
  help: write `""` for an empty value
3:26 error[empty-value] missing value: expected a single value
  help: write `""` for an empty value
3:37 error[wrong-type] expected a single value, found a list
  help: write text, a number or a boolean
3:46 error[wrong-type] expected a single value, found a mapping
  help: write text, a number or a boolean
"#,
    },
    Case {
        name: "tags",
        text: "functions:
  orders: { handler: !Ref Handler, code: !!str x }
  billing: !Sub x
",
        report: "
2:22 error[tag] the tag `!Ref` is not supported here
  | orders: { handler: !Ref Handler, code: !!str x }
  help: remove the tag; limg does not resolve CloudFormation functions
3:12 error[tag] the tag `!Sub` is not supported here
  | billing: !Sub x
  help: remove the tag; limg does not resolve CloudFormation functions
",
    },
    Case {
        name: "a slip under an anchor, once",
        text: "functions:
  orders: &o { handlr: x }
  billing: { <<: *o }
  third: *o
",
        report: "
2:16 error[unknown-key] unknown key `handlr`
  | orders: &o { handlr: x }
  help: did you mean `handler`?
",
    },
    Case {
        name: "merge keys that merge nothing",
        text: "functions:
  orders: &o { <<: 5 }
  billing: { <<: *o, <<: *o, environment: { <<: [1] } }
",
        report: "
2:16 error[merge-key] `<<` must name a mapping or a list of mappings, and only once
  | orders: &o { <<: 5 }
  help: write `<<: *name`, or `<<: [*first, *second]` for several
3:22 error[merge-key] `<<` must name a mapping or a list of mappings, and only once
  | billing: { <<: *o, <<: *o, environment: { <<: [1] } }
  help: write `<<: *name`, or `<<: [*first, *second]` for several
3:45 error[merge-key] `<<` must name a mapping or a list of mappings, and only once
  help: write `<<: *name`, or `<<: [*first, *second]` for several
",
    },
    Case {
        name: "dependencies of another shape",
        text: "functions:
  a: { dependencies: vendor }
  b: { dependencies: { vendor: true } }
  c: { dependencies: [5, [x]] }
",
        report: r#"
2:22 error[wrong-type] expected a boolean or a list, found text
  | a: { dependencies: vendor }
  help: write `true`, `false` or a list: `[vendor]`
3:22 error[wrong-type] expected a boolean or a list, found a mapping
  | b: { dependencies: { vendor: true } }
  help: write `true`, `false` or a list
4:23 error[wrong-type] expected text, found a number
  | c: { dependencies: [5, [x]] }
  help: put it in quotes: `"5"`
4:26 error[wrong-type] expected text, found a list
  | c: { dependencies: [5, [x]] }
  help: write a single text
"#,
    },
    Case {
        name: "handler wrappers of another shape",
        text: "functions:
  a: { handler_wrapper: [x] }
  b: { handler_wrapper: { handlr: x } }
  c: { handler_wrapper: 5, snapstart: yes }
",
        report: r#"
2:25 error[wrong-type] expected text or a mapping, found a list
  | a: { handler_wrapper: [x] }
  help: write its keys on the lines below, indented; the keys are `handler`, `variable`
3:8 error[missing-key] missing key `variable`
  | b: { handler_wrapper: { handlr: x } }
  help: add `variable: ...`
3:27 error[unknown-key] unknown key `handlr`
  | b: { handler_wrapper: { handlr: x } }
  help: did you mean `handler`?
4:25 error[wrong-type] expected text or a mapping, found a number
  | c: { handler_wrapper: 5, snapstart: yes }
  help: put it in quotes: `"5"`
4:39 error[wrong-type] expected a boolean, found text
  | c: { handler_wrapper: 5, snapstart: yes }
  help: write `true` or `false`
"#,
    },
];
