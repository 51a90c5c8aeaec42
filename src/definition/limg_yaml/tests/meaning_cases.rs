//! Cases of documents of the right shape that mean nothing good: names, paths, variables.

use super::findings::Case;

/// Each case by name: the definition, and all that is said about it.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "findings that are allowed",
        text: "checks:
  - { allow: missing-libary, reason: known }
  - { allow: missing-library, reason: ' ' }
  - { allow: xyz, reason: known, path: '{a' }
  - { allow: secret-file, reason: known, path: /var/task/keys/ }
functions:
  a: { runtime: python3.12, handler: a.b, code: functions }
",
        report: "
2:14 error[unknown-value] there are no findings with the code `missing-libary`
  | - { allow: missing-libary, reason: known }
  help: did you mean `missing-library`?
3:39 error[empty-value] the reason is empty
  | - { allow: missing-library, reason: ' ' }
  help: say why these findings do no harm
4:14 error[unknown-value] there are no findings with the code `xyz`
  | - { allow: xyz, reason: known, path: '{a' }
  help: write the code that stands in brackets after a finding
4:40 error[bad-pattern] `{a` is not a valid pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
  | - { allow: xyz, reason: known, path: '{a' }
",
    },
    Case {
        name: "names that cannot be image names",
        text: "
project: My Shop
functions:
  orders-: { runtime: python3.12, handler: a.b, code: functions }
  or.ders: { runtime: python3.12, handler: a.b, code: functions }
  Orders: { runtime: python3.12, handler: a.b, code: functions }
  orders: { runtime: python3.12, handler: a.b, code: functions }
",
        report: "
2:10 error[bad-name] `My Shop` cannot be part of an image name
  | project: My Shop
  help: `my-shop` can
4:3 error[bad-name] `orders-` is not a valid function name
  | orders-: { runtime: python3.12, handler: a.b, code: functions }
  help: use at most 64 letters and digits, with single `-` or `_` between them
5:3 error[bad-name] `or.ders` is not a valid function name
  | or.ders: { runtime: python3.12, handler: a.b, code: functions }
  help: use at most 64 letters and digits, with single `-` or `_` between them
7:3 error[name-clash] `orders` and `Orders` differ only in case
  | orders: { runtime: python3.12, handler: a.b, code: functions }
  help: rename one of them: image names are in lower case
",
    },
    Case {
        name: "names of entries",
        text: r#"
layers: { "a/b": { path: layers/utils } }
extensions: { .hidden: { path: extensions/log-shipper } }
bases: { "": { image: scratch, contract: provided.al2 } }
functions: { orders: { runtime: python3.12, handler: a.b, code: functions } }
"#,
        report: r#"
2:11 error[bad-name] `a/b` is not a valid name for a layer
  | layers: { "a/b": { path: layers/utils } }
  help: use letters, digits, `.`, `_` and `-`, beginning with a letter or digit
3:15 error[bad-name] `.hidden` is not a valid name for an extension
  | extensions: { .hidden: { path: extensions/log-shipper } }
  help: use letters, digits, `.`, `_` and `-`, beginning with a letter or digit
4:10 error[bad-name] `` is not a valid name for a base
  | bases: { "": { image: scratch, contract: provided.al2 } }
  help: use letters, digits, `.`, `_` and `-`, beginning with a letter or digit
"#,
    },
    Case {
        name: "what every function needs",
        text: "
functions:
  orders: {}
  billing: { runtime: python3.12 }
  custom: { runtime: provided.al2023, code: functions }
",
        report: "
3:3 error[missing-key] the function `orders` has no `runtime`
  | orders: {}
  help: add `runtime:` with a runtime id such as `python3.12`, here or in `defaults`
3:3 error[missing-key] the function `orders` has no `code`
  | orders: {}
  help: add `code:` with a directory, a .zip or one file
4:3 error[missing-key] the function `billing` has no `handler`
  | billing: { runtime: python3.12 }
  help: add `handler:`, such as `app.handler`
4:3 error[missing-key] the function `billing` has no `code`
  | billing: { runtime: python3.12 }
  help: add `code:` with a directory, a .zip or one file
",
    },
    Case {
        name: "limits that not every account has",
        text: r"
defaults: { runtime: python3.12, handler: a.b, code: functions, timeout: 901 }
functions:
  a: { memory: 10241 }
  b: { timeout: 5400, memory: 32768 }
  c: { timeout: 900, memory: 10240 }
",
        report: "
2:74 warning[high-limit] not every AWS account and Region accepts a `timeout` above 900
  | defaults: { runtime: python3.12, handler: a.b, code: functions, timeout: 901 }
  help: use at most 900, or check the quotas of your account
4:16 warning[high-limit] not every AWS account and Region accepts a `memory` above 10240
  | a: { memory: 10241 }
  help: use at most 10240, or check the quotas of your account
5:17 warning[high-limit] not every AWS account and Region accepts a `timeout` above 900
  | b: { timeout: 5400, memory: 32768 }
  help: use at most 900, or check the quotas of your account
5:31 warning[high-limit] not every AWS account and Region accepts a `memory` above 10240
  | b: { timeout: 5400, memory: 32768 }
  help: use at most 10240, or check the quotas of your account
",
    },
    Case {
        name: "variables of other tools",
        text: r#"
defaults: { runtime: python3.12, handler: a.b, code: functions, environment: { STAGE: "${opt:stage}" } }
functions:
  a: { environment: { TABLE: "orders-${STAGE}-x", PLAIN: "$STAGE {STAGE} ${} $(date)" } }
  b: { environment: { TOKEN_NAME: "{{resolve:ssm:/shop/name}}" } }
"#,
        report: "
2:87 warning[literal-variable] `${opt:stage}` in the value of `STAGE` stays as it is written: limg replaces no variables
  help: write the value, or set the variable in the function's configuration; ignore this if the program replaces it
4:30 warning[literal-variable] `${STAGE}` in the value of `TABLE` stays as it is written: limg replaces no variables
  help: write the value, or set the variable in the function's configuration; ignore this if the program replaces it
5:35 warning[literal-variable] `{{resolve:ssm:/shop/name}}` in the value of `TOKEN_NAME` stays as it is written: limg replaces no variables
  help: write the value, or set the variable in the function's configuration; ignore this if the program replaces it
",
    },
    Case {
        name: "runtimes that are none",
        text: r#"
defaults: { handler: a.b, code: functions }
bases: { slim: { image: "oci:bases/slim", contract: python3.12 } }
functions:
  a: { runtime: python312 }
  b: { runtime: slin }
  c: { runtime: go1.x }
  d: { runtime: cobol }
  e: { runtime: 3.11 }
  f: { runtime: 18 }
  g: { runtime: "3.12" }
  h: { runtime: node18 }
  i: { runtime: python 3.12 }
  j: { runtime: Python3.11 }
  k: { runtime: python }
  l: { runtime: java }
  m: { runtime: dotnet }
  n: { runtime: provided }
  o: { runtime: nodejs14.x }
  p: { runtime: dotnetcore3.1 }
  q: { runtime: 8 }
"#,
        report: "
5:17 error[unknown-runtime] unknown runtime `python312`
  | a: { runtime: python312 }
  help: did you mean `python3.12`?
6:17 error[unknown-runtime] unknown runtime `slin`
  | b: { runtime: slin }
  help: did you mean `slim`?
7:17 error[unknown-runtime] Lambda no longer has the runtime `go1.x`
  | c: { runtime: go1.x }
  help: use `provided.al2023`, the nearest runtime that AWS supports
8:17 error[unknown-runtime] unknown runtime `cobol`
  | d: { runtime: cobol }
  help: use one of `python3.9`, `python3.10`, `python3.11`, `python3.12`, `python3.13`, `python3.14`, `python3.15`, `nodejs18.x`, `nodejs20.x`, `nodejs22.x`, `nodejs24.x`, `nodejs26.x`, `java8.al2`, `java8.al2023`, `java11`, `java11.al2023`, `java17`, `java17.al2023`, `java21`, `java25`, `dotnet6`, `dotnet8`, `dotnet9`, `dotnet10`, `ruby3.2`, `ruby3.3`, `ruby3.4`, `ruby4.0`, `provided.al2`, `provided.al2023`, `slim`
9:17 error[unknown-runtime] unknown runtime `3.11`
  | e: { runtime: 3.11 }
  help: did you mean `python3.11`?
10:17 error[unknown-runtime] unknown runtime `18`
  | f: { runtime: 18 }
  help: did you mean `nodejs18.x`?
11:17 error[unknown-runtime] unknown runtime `3.12`
  | g: { runtime: \"3.12\" }
  help: did you mean `python3.12`?
12:17 error[unknown-runtime] unknown runtime `node18`
  | h: { runtime: node18 }
  help: did you mean `nodejs18.x`?
13:17 error[unknown-runtime] unknown runtime `python 3.12`
  | i: { runtime: python 3.12 }
  help: did you mean `python3.12`?
14:17 error[unknown-runtime] unknown runtime `Python3.11`
  | j: { runtime: Python3.11 }
  help: did you mean `python3.11`?
15:17 error[unknown-runtime] unknown runtime `python`
  | k: { runtime: python }
  help: did you mean `python3.14`?
16:17 error[unknown-runtime] unknown runtime `java`
  | l: { runtime: java }
  help: did you mean `java25`?
17:17 error[unknown-runtime] unknown runtime `dotnet`
  | m: { runtime: dotnet }
  help: did you mean `dotnet10`?
18:17 error[unknown-runtime] Lambda no longer has the runtime `provided`
  | n: { runtime: provided }
  help: use `provided.al2023`, the nearest runtime that AWS supports
19:17 error[unknown-runtime] Lambda no longer has the runtime `nodejs14.x`
  | o: { runtime: nodejs14.x }
  help: use `nodejs22.x`, the nearest runtime that AWS supports
20:17 error[unknown-runtime] Lambda no longer has the runtime `dotnetcore3.1`
  | p: { runtime: dotnetcore3.1 }
  help: use `dotnet10`, the nearest runtime that AWS supports
21:17 error[unknown-runtime] unknown runtime `8`
  | q: { runtime: 8 }
  help: did you mean `java8.al2` or `dotnet8`?
",
    },
    Case {
        name: "bases",
        text: r#"
bases:
  slim: { image: "oci:bases/slim" }
  python3.11: { image: "oci:bases/slim" }
  typo: { image: "oci:bases/slim", contract: pyton3.12 }
  python3.12: { image: scratch }
  engine: { image: "docker-daemon:", contract: python3.12 }
  folder: { image: "oci:", contract: python3.12 }
  skopeo: { image: "docker://python:3", contract: python3.12 }
  other: { image: "dir:/images/python", contract: python3.12 }
  spaces: { image: "python 3", contract: python3.12 }
functions: { orders: { runtime: provided.al2, code: functions } }
"#,
        report: r#"
3:3 error[missing-contract] the base `slim` does not declare which runtime it provides
  | slim: { image: "oci:bases/slim" }
  help: add `contract:` with a runtime id such as `provided.al2023`
5:46 error[unknown-contract] unknown runtime `pyton3.12`
  | typo: { image: "oci:bases/slim", contract: pyton3.12 }
  help: did you mean `python3.12`?
6:24 error[bad-image] `scratch` is empty and cannot run python3.12
  | python3.12: { image: scratch }
  help: use a `provided` contract with `scratch`
7:20 error[bad-image] `docker-daemon:` requires the name of an image
  | engine: { image: "docker-daemon:", contract: python3.12 }
  help: write `docker-daemon:NAME:TAG`
8:20 error[bad-image] `oci:` needs a path after the colon
  | folder: { image: "oci:", contract: python3.12 }
  help: write a location such as `oci:./bases/python`
9:20 error[bad-image] `docker://python:3` is not an image location
  | skopeo: { image: "docker://python:3", contract: python3.12 }
  help: write a registry reference without `docker://`: `python:3`
10:19 error[bad-image] `dir:/images/python` begins with an unknown transport
  | other: { image: "dir:/images/python", contract: python3.12 }
  help: use `oci:`, `oci-archive:`, `docker-archive:` or `docker-daemon:`
11:20 error[bad-image] `python 3` is not an image location
  | spaces: { image: "python 3", contract: python3.12 }
  help: write a location such as `oci:./bases/python`, or a registry reference
"#,
    },
    Case {
        name: "handlers",
        text: r#"
defaults: { runtime: python3.12, code: functions }
functions:
  a: { handler: "app handler" }
  b: { handler: "" }
"#,
        report: r#"
4:17 error[bad-handler] a handler must be one word, and `app handler` is not
  | a: { handler: "app handler" }
  help: write the handler as in Lambda, such as `app.handler`
5:17 error[bad-handler] a handler must be one word, and `` is not
  | b: { handler: "" }
  help: write the handler as in Lambda, such as `app.handler`
"#,
    },
    Case {
        name: "one slip in the defaults is one problem",
        text: "
defaults: { runtime: pyton3.12, handler: a b, code: function, layers: [util] }
layers: { utils: { path: layers/utils } }
functions: { a: {}, b: {}, c: {} }
",
        report: "
2:22 error[unknown-runtime] unknown runtime `pyton3.12`
  | defaults: { runtime: pyton3.12, handler: a b, code: function, layers: [util] }
  help: did you mean `python3.12`?
2:42 error[bad-handler] a handler must be one word, and `a b` is not
  | defaults: { runtime: pyton3.12, handler: a b, code: function, layers: [util] }
  help: write the handler as in Lambda, such as `app.handler`
2:53 error[missing-path] `ROOT/function` does not exist
  | defaults: { runtime: pyton3.12, handler: a b, code: function, layers: [util] }
  help: did you mean `functions` in `ROOT`?
2:72 error[unknown-layer] unknown layer `util`
  | defaults: { runtime: pyton3.12, handler: a b, code: function, layers: [util] }
  help: did you mean `utils`?
",
    },
    Case {
        name: "lists of layers and extensions",
        text: r#"
layers: { utils: { path: layers/utils }, tracer: { path: layers/tracer } }
extensions: { shipper: { path: extensions/log-shipper } }
functions:
  orders:
    runtime: python3.12
    handler: app.handler
    code: functions/orders
    layers: [utils, util, utils, shipper, ./layers/utils, "arn:aws:lambda:eu-west-1:1:layer:x:1"]
    extensions: [shiper, tracer, shipper, shipper]
"#,
        report: r#"
9:21 error[unknown-layer] unknown layer `util`
  | layers: [utils, util, utils, shipper, ./layers/utils, "arn:aws:lambda:eu-west-1:1:layer:x:1"]
  help: did you mean `utils`?
9:27 error[listed-twice] the layer `utils` is listed twice
  | layers: [utils, util, utils, shipper, ./layers/utils, "arn:aws:lambda:eu-west-1:1:layer:x:1"]
  help: remove one of them
9:34 error[unknown-layer] unknown layer `shipper`
  | layers: [utils, util, utils, shipper, ./layers/utils, "arn:aws:lambda:eu-west-1:1:layer:x:1"]
  help: list it under `extensions`: `shipper` is an extension
9:43 error[unknown-layer] unknown layer `./layers/utils`
  | layers: [utils, util, utils, shipper, ./layers/utils, "arn:aws:lambda:eu-west-1:1:layer:x:1"]
  help: define it under `layers` as `NAME: { path: ... }`
9:59 error[unknown-layer] unknown layer `arn:aws:lambda:eu-west-1:1:layer:x:1`
  | layers: [utils, util, utils, shipper, ./layers/utils, "arn:aws:lambda:eu-west-1:1:layer:x:1"]
  help: define it under `layers` as `NAME: { arn: ... }`, and list the name here
10:18 error[unknown-extension] unknown extension `shiper`
  | extensions: [shiper, tracer, shipper, shipper]
  help: did you mean `shipper`?
10:26 error[unknown-extension] unknown extension `tracer`
  | extensions: [shiper, tracer, shipper, shipper]
  help: list it under `layers`: `tracer` is a layer
10:43 error[listed-twice] the extension `shipper` is listed twice
  | extensions: [shiper, tracer, shipper, shipper]
  help: remove one of them
"#,
    },
    Case {
        name: "paths",
        text: r#"
layers:
  near: { path: layers/util }
  above: { path: layer/utils/python }
  nothing: { path: qqqq }
  file: { path: functions/single.py }
  liar: { path: layers/liar.zip }
  home: { path: ~/layers }
  empty: { path: "" }
  below: { path: functions/single.py/x }
extensions:
  shipper: { path: extensions/log-shiper }
functions:
  orders: { runtime: python3.12, handler: a.b, code: function/orders }
"#,
        report: r#"
3:17 error[missing-path] `ROOT/layers/util` does not exist
  | near: { path: layers/util }
  help: did you mean `utils` in `ROOT/layers`?
4:18 error[missing-path] `ROOT/layer/utils/python` does not exist
  | above: { path: layer/utils/python }
  help: did you mean `layers` in `ROOT`?
5:20 error[missing-path] `ROOT/qqqq` does not exist
  | nothing: { path: qqqq }
  help: check the path: `ROOT` contains nothing with a similar name
6:17 error[wrong-file] a layer must be a directory or a .zip, and `ROOT/functions/single.py` is a file
  | file: { path: functions/single.py }
  help: name a directory that contains the file where it should be in `/opt`
7:17 error[wrong-file] `ROOT/layers/liar.zip` has the suffix .zip but is not a zip archive
  | liar: { path: layers/liar.zip }
  help: create the archive again, or rename the file
8:17 error[missing-path] `ROOT/~/layers` does not exist
  | home: { path: ~/layers }
  help: write a path relative to this file: `~` is not expanded
9:18 error[empty-value] the path is empty
  | empty: { path: "" }
  help: write a path relative to this file; `.` is its folder
10:18 error[missing-path] `ROOT/functions/single.py/x` does not exist
  | below: { path: functions/single.py/x }
  help: check `ROOT/functions/single.py`, which is not a readable directory
12:20 error[missing-path] `ROOT/extensions/log-shiper` does not exist
  | shipper: { path: extensions/log-shiper }
  help: did you mean `log-shipper` in `ROOT/extensions`?
14:54 error[missing-path] `ROOT/function/orders` does not exist
  | orders: { runtime: python3.12, handler: a.b, code: function/orders }
  help: did you mean `functions` in `ROOT`?
"#,
    },
    Case {
        name: "patterns",
        text: r#"
layers: { utils: { path: layers/utils, exclude: ["*.md", "!keep", "{a"] } }
functions: { orders: { runtime: python3.12, handler: a.b, code: functions, exclude: ["{b", "a//"] } }
"#,
        report: r#"
2:67 error[bad-pattern] `{a` is not a valid pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
  | layers: { utils: { path: layers/utils, exclude: ["*.md", "!keep", "{a"] } }
3:86 error[bad-pattern] `{b` is not a valid pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
  | functions: { orders: { runtime: python3.12, handler: a.b, code: functions, exclude: ["{b", "a//"] } }
"#,
    },
    Case {
        name: "extensions and wrappers",
        text: r#"
extensions:
  nothing: { exclude: ["*.md"] }
  doubled: { wrapper: /opt/x, environment: { AWS_LAMBDA_EXEC_WRAPPER: /opt/y } }
  crooked: { wrapper: /opt/../x }
  absent: { wrapper: scripts/importtim }
  folder: { wrapper: scripts }
  fine: { wrapper: /opt/x }
defaults: { runtime: python3.12, handler: a.b, code: functions }
functions:
  own: { wrapper: scripts/importtime, environment: { AWS_LAMBDA_EXEC_WRAPPER: /opt/y } }
  through: { extensions: [fine], environment: { AWS_LAMBDA_EXEC_WRAPPER: /opt/y } }
  alone: { environment: { AWS_LAMBDA_EXEC_WRAPPER: /opt/y } }
"#,
        report: r#"
3:3 error[empty-extension] the extension `nothing` is empty
  | nothing: { exclude: ["*.md"] }
  help: give it a `path`, an `environment`, a `wrapper` or a `handler_wrapper`
4:46 error[two-wrappers] `AWS_LAMBDA_EXEC_WRAPPER` conflicts with another wrapper: this extension has a `wrapper` too
  help: use `wrapper:` instead: several wrappers run one after the other
5:23 error[bad-wrapper] `/opt/../x` is not a plain path: it has an empty name, `.`, `..` or a NUL
  | crooked: { wrapper: /opt/../x }
  help: write a path without a leading `/` for a local file; with one, it is a path in the image
6:22 error[missing-path] `ROOT/scripts/importtim` does not exist
  | absent: { wrapper: scripts/importtim }
  help: did you mean `importtime` in `ROOT/scripts`?
7:22 error[wrong-file] a wrapper must be a program, and `ROOT/scripts` is a directory or a zip
  | folder: { wrapper: scripts }
11:54 error[two-wrappers] `AWS_LAMBDA_EXEC_WRAPPER` conflicts with another wrapper: there is a `wrapper` too
  help: use `wrapper:` instead: several wrappers run one after the other
"#,
    },
    Case {
        name: "variables",
        text: r#"
defaults: { runtime: python3.12, handler: a.b, code: functions, environment: { AWS_REGION: x } }
extensions: { tracer: { environment: { _HANDLER: x, LAMBDA_TASK_ROOT: /x } } }
functions:
  orders:
    environment: { A: x, _XX: x, A-B: x, NUL_NUL: "\0", AWS_LAMBDA_DOTNET_PREJIT: x, AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE }
"#,
        report: "
2:80 error[reserved-variable] Lambda sets `AWS_REGION` itself
  help: remove it; Lambda sets it to the Region of the function
3:40 error[reserved-variable] Lambda sets `_HANDLER` itself
  help: set the function's `handler:` instead
3:53 error[reserved-variable] Lambda sets `LAMBDA_TASK_ROOT` itself
  help: remove or rename it
6:20 error[bad-variable] `A` is not a valid variable name
  help: use two or more letters, digits and `_`, and begin with a letter
6:26 error[bad-variable] `_XX` is not a valid variable name
  help: use two or more letters, digits and `_`, and begin with a letter
6:34 error[bad-variable] `A-B` is not a valid variable name
  help: use two or more letters, digits and `_`, and begin with a letter
6:51 error[bad-variable] the value of `NUL_NUL` contains a NUL character
6:86 error[reserved-variable] Lambda sets `AWS_ACCESS_KEY_ID` itself
  help: remove it; the function gets the credentials of its execution role
",
    },
    Case {
        name: "warnings",
        text: "
layers: { utils: { path: layers/utils } }
extensions: { tracer: { environment: { TRACER_API_KEY: abcdef } } }
bases: { slim: { image: scratch, contract: provided.al2 } }
functions:
  orders: { runtime: python3.12, handler: a.b, code: functions, environment: { DB_PASSWORD: hunter2 } }
",
        report: "
2:11 warning[unused] no function uses the layer `utils`
  | layers: { utils: { path: layers/utils } }
  help: list it in a function's `layers`, or remove it
3:15 warning[unused] no function uses the extension `tracer`
  | extensions: { tracer: { environment: { TRACER_API_KEY: *** } } }
  help: list it in a function's `extensions`, or remove it
3:40 warning[possible-secret] `TRACER_API_KEY` looks like a secret, and everyone who can pull the image can read it
  help: set it in the function's configuration, or read it from Secrets Manager or Parameter Store at run time
4:10 warning[unused] no function uses the base `slim`
  | bases: { slim: { image: scratch, contract: provided.al2 } }
  help: name it as a function's `runtime`, or remove it
6:80 warning[possible-secret] `DB_PASSWORD` looks like a secret, and everyone who can pull the image can read it
  help: set it in the function's configuration, or read it from Secrets Manager or Parameter Store at run time
",
    },
    Case {
        name: "entry points of bases",
        text: r#"
bases:
  none: { image: "oci:x", contract: python3.12, entrypoint: [] }
  found: { image: "oci:x", contract: python3.12, entrypoint: [python3, -m, awslambdaric] }
functions: { orders: { runtime: provided.al2, code: functions } }
"#,
        report: r#"
3:61 error[bad-entrypoint] this entry point is empty
  | none: { image: "oci:x", contract: python3.12, entrypoint: [] }
  help: write a list such as `[/usr/bin/python3, -m, awslambdaric]`
4:62 error[bad-entrypoint] the program of an entry point must be a path in the image: `python3` is not absolute
  | found: { image: "oci:x", contract: python3.12, entrypoint: [python3, -m, awslambdaric] }
  help: write a list such as `[/usr/bin/python3, -m, awslambdaric]`
"#,
    },
    Case {
        name: "handler wrappers",
        text: "
extensions:
  datadog: { handler_wrapper: datadog_lambda.handler.handler }
  again: { handler_wrapper: /opt/nodejs/node_modules/datadog-lambda-js/handler.handler }
  mine: { handler_wrapper: { handler: mine.handler, variable: MY_HANDLER }, environment: { MY_HANDLER: x } }
  unknown: { handler_wrapper: vendor.handler }
  words: { handler_wrapper: { handler: two words, variable: _HANDLER } }
  half: { handler_wrapper: { handler: mine.handler, variable: 1x } }
defaults: { runtime: python3.12, handler: a.b, code: functions }
functions:
  good: { extensions: [datadog], handler_wrapper: newrelic_lambda_wrapper.handler, snapstart: true }
  twice: { extensions: [datadog, again] }
  set: { extensions: [datadog, mine], environment: { DD_LAMBDA_HANDLER: a.b } }
  none: { runtime: provided.al2023, handler: , extensions: [unknown, words, half] }
",
        report: "
5:104 error[handler-variable-clash] `MY_HANDLER` is set by the handler wrapper of the extension `mine`
  help: remove it; limg sets it to the next handler
6:31 error[unknown-handler-wrapper] limg does not know in which variable `vendor.handler` looks for the function's handler
  | unknown: { handler_wrapper: vendor.handler }
  help: name the variable: `{ handler: vendor.handler, variable: ... }`
7:40 error[bad-handler] a handler must be one word, and `two words` is not
  | words: { handler_wrapper: { handler: two words, variable: _HANDLER } }
  help: write the handler as in Lambda, such as `app.handler`
7:61 error[reserved-variable] Lambda sets `_HANDLER` itself
  | words: { handler_wrapper: { handler: two words, variable: _HANDLER } }
  help: set the function's `handler:` instead
8:63 error[bad-variable] `1x` is not a valid variable name
  | half: { handler_wrapper: { handler: mine.handler, variable: 1x } }
  help: use two or more letters, digits and `_`, and begin with a letter
12:3 error[handler-variable-clash] the handler wrappers of the extension `datadog` and the extension `again` both use `DD_LAMBDA_HANDLER`
  | twice: { extensions: [datadog, again] }
  help: remove one of them
13:73 error[handler-variable-clash] `DD_LAMBDA_HANDLER` is set by the handler wrapper of the extension `datadog`
  help: remove it; limg sets it to the next handler
",
    },
    Case {
        name: "patterns of dependencies",
        text: r#"
defaults: { runtime: python3.12, handler: a.b, code: functions, dependencies: [lib/, "{a"] }
functions:
  inherits: {}
  good: { dependencies: ["vendor/**", lib/] }
  none: { dependencies: false }
"#,
        report: r#"
2:86 error[bad-pattern] `{a` is not a valid pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
  | defaults: { runtime: python3.12, handler: a.b, code: functions, dependencies: [lib/, "{a"] }
"#,
    },
    Case {
        name: "a handler wrapper without a handler",
        text: "
functions:
  none: { runtime: provided.al2023, code: functions, handler_wrapper: lumigo_tracer._handler }
",
        report: "
3:3 error[missing-key] the function `none` has no `handler` for its handler wrapper to call
  | none: { runtime: provided.al2023, code: functions, handler_wrapper: lumigo_tracer._handler }
  help: add `handler:`; the `handler_wrapper` of the function calls it
",
    },
];
