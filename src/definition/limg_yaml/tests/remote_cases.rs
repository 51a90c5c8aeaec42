//! Cases of what lies elsewhere: layers of Lambda, files of other images, repositories in ECR.

use super::findings::Case;

/// Each case by name: the definition, and all that is said about it.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "sources of layers",
        text: r#"
layers:
  nothing: { exclude: ["*.md"] }
  both: { path: layers/utils, arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x:1" }
  three: { path: /opt, arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x:1", image: python }
  moved: { path: layers/utils, to: /opt/utils }
  chosen: { arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x:1", exclude: ["*.md"], to: /opt }
  followed: { image: python, path: /opt, follow: true }
functions: { orders: { runtime: python3.12, handler: a.b, code: functions } }
"#,
        report: r#"
3:3 error[missing-key] the layer `nothing` has no source of files
  | nothing: { exclude: ["*.md"] }
  help: add `path:` with a directory or .zip, `arn:` with a layer version, `image:` or `install:`
4:31 error[several-sources] the layer `both` has both `path` and `arn`
  | both: { path: layers/utils, arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x:1" }
  help: remove one, or define two layers
5:80 error[several-sources] the layer `three` has both `arn` and `image`
  | three: { path: /opt, arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x:1", image: python }
  help: remove one, or define two layers
6:32 error[misplaced-key] `to` requires `image`
  | moved: { path: layers/utils, to: /opt/utils }
  help: remove it: the root of a layer is always `/opt`
7:69 error[misplaced-key] `exclude` applies only to layers with local files
  | chosen: { arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x:1", exclude: ["*.md"], to: /opt }
  help: remove it
7:88 error[misplaced-key] `to` requires `image`
  | chosen: { arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x:1", exclude: ["*.md"], to: /opt }
  help: remove it: the root of a layer is always `/opt`
8:42 error[misplaced-key] `follow` applies only to layers with local files
  | followed: { image: python, path: /opt, follow: true }
  help: remove it
"#,
    },
    Case {
        name: "layers of Lambda",
        text: r#"
layers:
  unversioned: { arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x" }
  function: { arn: "arn:aws:lambda:eu-west-1:580247275435:function:x" }
  empty: { arn: "" }
  old: { arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x:9" }
  new: { arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x:53" }
  same: { arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x:53" }
  abroad: { arn: "arn:aws:lambda:us-east-1:580247275435:layer:x:9" }
functions:
  orders: { runtime: python3.12, handler: a.b, code: functions, layers: [old, abroad, new, same] }
  billing: { runtime: python3.12, handler: a.b, code: functions, layers: [new, same, abroad] }
"#,
        report: r#"
3:23 error[bad-arn] `arn:aws:lambda:eu-west-1:580247275435:layer:x` names a layer without a version: add it, as in `arn:aws:lambda:eu-west-1:580247275435:layer:x:1`
  | unversioned: { arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x" }
  help: copy the version ARN from Lambda's console or from `aws lambda list-layer-versions`
4:20 error[bad-arn] `arn:aws:lambda:eu-west-1:580247275435:function:x` is not the ARN of a layer version, `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`
  | function: { arn: "arn:aws:lambda:eu-west-1:580247275435:function:x" }
  help: copy the version ARN from Lambda's console or from `aws lambda list-layer-versions`
5:17 error[bad-arn] `` is not the ARN of a layer version, `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`
  | empty: { arn: "" }
  help: copy the version ARN from Lambda's console or from `aws lambda list-layer-versions`
11:87 error[two-versions] `new` and `old` are versions 53 and 9 of the same layer
  | orders: { runtime: python3.12, handler: a.b, code: functions, layers: [old, abroad, new, same] }
  help: remove one of them: Lambda rejects a function with two versions of a layer
11:92 error[two-versions] `same` and `old` are versions 53 and 9 of the same layer
  | orders: { runtime: python3.12, handler: a.b, code: functions, layers: [old, abroad, new, same] }
  help: remove one of them: Lambda rejects a function with two versions of a layer
"#,
    },
    Case {
        name: "files of images",
        text: r#"
layers:
  pathless: { image: python }
  relative: { image: python, path: opt }
  climbing: { image: python, path: /opt/../etc }
  all: { image: python, path: / }
  outside: { image: python, path: /lambda-adapter }
  misplaced: { image: python, path: /lambda-adapter, to: /usr/bin/adapter }
  near: { image: python, path: /optional }
  crooked: { image: python, path: /opt, to: /opt//x }
  empty: { image: "", path: /opt }
  scratch: { image: scratch, path: /opt }
  local: { image: "oci:bases/slim", path: /opt }
  upper: { image: Python, path: /opt }
functions: { orders: { runtime: python3.12, handler: a.b, code: functions } }
"#,
        report: r#"
3:3 error[missing-key] the layer `pathless` does not name files of the image
  | pathless: { image: python }
  help: add `path:` with a file or folder in the image, such as `/opt`
4:36 error[bad-image-path] `opt` is not absolute
  | relative: { image: python, path: opt }
  help: write the absolute path of a file or folder in the image, such as `/opt/python`
5:36 error[bad-image-path] `/opt/../etc` is not a plain path: it has an empty name, `.`, `..` or a NUL
  | climbing: { image: python, path: /opt/../etc }
  help: write the absolute path of a file or folder in the image, such as `/opt/python`
6:31 error[bad-image-path] `/` is the root of the image
  | all: { image: python, path: / }
  help: write the absolute path of a file or folder in the image, such as `/opt/python`
7:35 error[bad-image-path] the files would be at `/lambda-adapter`, outside `/opt`
  | outside: { image: python, path: /lambda-adapter }
  help: add `to:` with a path for them, such as `/opt/lambda-adapter`
8:58 error[bad-image-path] `/usr/bin/adapter` is outside `/opt`
  | misplaced: { image: python, path: /lambda-adapter, to: /usr/bin/adapter }
  help: write `/opt` or a path below it
9:32 error[bad-image-path] the files would be at `/optional`, outside `/opt`
  | near: { image: python, path: /optional }
  help: add `to:` with a path for them, such as `/opt/optional`
10:45 error[bad-image-path] `/opt//x` is not a plain path: it has an empty name, `.`, `..` or a NUL
  | crooked: { image: python, path: /opt, to: /opt//x }
  help: write the absolute path of a file or folder in the image, such as `/opt/python`
11:19 error[bad-image] `` is not an image location
  | empty: { image: "", path: /opt }
  help: write a location such as `oci:./bases/python`, or a registry reference
12:21 error[bad-image] `scratch` is empty and has no files
  | scratch: { image: scratch, path: /opt }
  help: name an image in a registry
13:19 error[bad-image] limg can use files of images in registries only, and `oci:bases/slim` is not in a registry
  | local: { image: "oci:bases/slim", path: /opt }
  help: push the image to a registry, or unpack the files and use `path: ...`
14:19 error[bad-image] `Python` is not a valid image reference
  | upper: { image: Python, path: /opt }
  help: write `HOST/REPOSITORY:TAG` in lower case, or `HOST/REPOSITORY@sha256:` and 64 hexadecimal digits
"#,
    },
    Case {
        name: "the ecr block",
        text: r#"
functions: { orders: { runtime: python3.12, handler: a.b, code: functions } }
ecr:
  repository: "{stage}/{function}"
  encryption: KMS
  kms_key: ""
  tags:
    "aws:team": x
    "": x
    "a?": x
    b: "x\u00e9y\tz"
  lambda_accounts: [1234, 210987654321, "12345678901x"]
"#,
        report: r#"
4:15 error[bad-repository] `{stage}/{function}` has the unknown placeholder `{stage}`
  | repository: "{stage}/{function}"
  help: use `{project}` or `{function}`
6:12 error[empty-value] the key is empty
  | kms_key: ""
  help: write its ARN, id or alias, or remove `kms_key` to use the account's own key
8:5 error[bad-tag] tags that begin with `aws:` are reserved for AWS
  | "aws:team": x
  help: rename it
9:5 error[bad-tag] the key of this tag has 0 characters
  | "": x
  help: use 1 to 128 characters
10:5 error[bad-tag] the tag `a?` contains the character '?', which ECR does not allow
  | "a?": x
  help: use letters, digits, spaces and `+ - = . _ : / @`
11:5 error[bad-tag] the tag `b` contains the character '\t', which ECR does not allow
  | b: "x\u00e9y\tz"
  help: use letters, digits, spaces and `+ - = . _ : / @`
12:21 error[bad-account] `1234` is not an AWS account number
  | lambda_accounts: [1234, 210987654321, "12345678901x"]
  help: write the 12 digits of the account
12:41 error[bad-account] `12345678901x` is not an AWS account number
  | lambda_accounts: [1234, 210987654321, "12345678901x"]
  help: write the 12 digits of the account
"#,
    },
    Case {
        name: "names of repositories that ECR does not take",
        text: r#"
project: shop--x
functions:
  orders: { runtime: python3.12, handler: a.b, code: functions }
  a--b: { runtime: python3.12, handler: a.b, code: functions }
ecr: { repository: "{function}", kms_key: alias/x, encryption: KMS }
"#,
        report: r#"
6:20 error[bad-repository] the repository of the function `a--b` has an invalid name: `a--b` is not a valid name for an ECR repository
  | ecr: { repository: "{function}", kms_key: alias/x, encryption: KMS }
  help: use 2 to 256 lower-case letters and digits, with a single `.`, `_`, `-` or `/` between them
"#,
    },
    Case {
        name: "a key for images that are encrypted otherwise",
        text: r#"
functions: { orders: { runtime: python3.12, handler: a.b, code: functions } }
ecr: { repository: "Shop/{function}", encryption: AES256, kms_key: alias/x }
"#,
        report: r#"
3:20 error[bad-repository] `Shop/{function}` is not a valid name for an ECR repository
  | ecr: { repository: "Shop/{function}", encryption: AES256, kms_key: alias/x }
  help: use 2 to 256 lower-case letters and digits, with a single `.`, `_`, `-` or `/` between them
3:59 error[misplaced-key] `kms_key` requires `encryption: KMS`
  | ecr: { repository: "Shop/{function}", encryption: AES256, kms_key: alias/x }
  help: add `encryption: KMS`, or remove it
"#,
    },
];
