//! Why something must be built before it can be packed, and what builds it.

/// Why something must be built first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// A clause such as ``its `BuildMethod` is `makefile` ``.
    pub(super) why: String,
    /// What builds it.
    pub(super) builder: Builder,
}

/// What builds something.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Builder {
    /// The AWS SAM CLI.
    Sam,
    /// The AWS SAM CLI, or limg itself with this option.
    SamOrLimg(&'static str),
    /// The AWS SAM CLI, once the code is this folder below it.
    SamIn(String),
    /// The AWS SAM CLI, once the function has this `BuildMethod`.
    SamWith(&'static str),
    /// The AWS SAM CLI, once the makefile has a target for the function.
    SamWithTarget,
    /// The AWS SAM CLI, once the template names this runtime: it builds for none that Lambda no longer has.
    SamFor(String),
    /// A compiler of TypeScript; or limg itself, once the function has the `BuildMethod` for esbuild.
    TypeScript(&'static str),
}

impl Need {
    /// The AWS SAM CLI builds it.
    pub(super) fn of_sam(why: String) -> Self {
        Self { why, builder: Builder::Sam }
    }
}
