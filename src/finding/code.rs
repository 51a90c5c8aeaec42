//! The stable names of all kinds of findings.
//!
//! Programs match on these names, so a name is never changed and never gets a second meaning. The description is for the
//! documentation; what a user reads is in the [`Finding`](super::Finding) itself.

use std::fmt;

use serde::{Serialize, Serializer};

/// Declares each code once: its variant, its name and its description.
macro_rules! codes {
    ($($(#[doc = $description:literal])+ $variant:ident = $name:literal;)+) => {
        /// The kind of a finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $description])+ $variant,)+
        }

        impl Code {
            /// All codes, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable name, in kebab-case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What the code means, in one sentence.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($description),+).trim_ascii(),)+
                }
            }
        }
    };
}

codes! {
    /// The file is not valid YAML or JSON.
    InvalidSyntax = "invalid-syntax";
    /// The file is empty.
    EmptyDefinition = "empty-definition";
    /// limg does not know the key.
    UnknownKey = "unknown-key";
    /// A mapping has the same key twice.
    DuplicateKey = "duplicate-key";
    /// A required key is missing.
    MissingKey = "missing-key";
    /// A value has the wrong type, such as text instead of a list.
    WrongType = "wrong-type";
    /// A number is below or above what Lambda accepts.
    OutOfRange = "out-of-range";
    /// Warning: a limit is higher than every account and Region accepts.
    HighLimit = "high-limit";
    /// The key does not accept this word.
    UnknownValue = "unknown-value";
    /// A YAML tag such as `!Ref` is not supported here.
    Tag = "tag";
    /// A merge key `<<` does not name a mapping, or is used twice.
    MergeKey = "merge-key";
    /// The key only has a meaning together with another key, which is missing.
    MisplacedKey = "misplaced-key";
    /// A value is empty.
    EmptyValue = "empty-value";
    /// The definition has no functions.
    NoFunctions = "no-functions";
    /// The name contains characters that are not allowed, or is too long.
    BadName = "bad-name";
    /// Two functions have names that differ only in case.
    NameClash = "name-clash";
    /// The runtime is neither in the catalogue nor in `bases`.
    UnknownRuntime = "unknown-runtime";
    /// A base does not declare which runtime it provides, and its own name is not a runtime id.
    MissingContract = "missing-contract";
    /// The contract is not a runtime id.
    UnknownContract = "unknown-contract";
    /// The location of an image is not valid.
    BadImage = "bad-image";
    /// Lambda does not accept the handler.
    BadHandler = "bad-handler";
    /// The layer is not defined.
    UnknownLayer = "unknown-layer";
    /// The extension is not defined.
    UnknownExtension = "unknown-extension";
    /// A function lists the same layer or extension twice.
    ListedTwice = "listed-twice";
    /// A layer has more than one source of files.
    SeveralSources = "several-sources";
    /// The text is not the ARN of a layer version.
    BadArn = "bad-arn";
    /// A path in an image is not absolute and normalised, or is outside `/opt`.
    BadImagePath = "bad-image-path";
    /// A function uses two versions of one layer, which Lambda rejects.
    TwoVersions = "two-versions";
    /// The path does not exist.
    MissingPath = "missing-path";
    /// The path cannot be read.
    UnreadablePath = "unreadable-path";
    /// The file is not of the kind that the key requires, such as a `.zip` that is not a zip archive.
    WrongFile = "wrong-file";
    /// An extension has no files, variables or wrappers.
    EmptyExtension = "empty-extension";
    /// The path of a wrapper script in the image is not absolute and normalised.
    BadWrapper = "bad-wrapper";
    /// Both `wrapper` and `AWS_LAMBDA_EXEC_WRAPPER` are set.
    TwoWrappers = "two-wrappers";
    /// An entry point is not a list that starts with the path of a program in the image.
    BadEntrypoint = "bad-entrypoint";
    /// limg does not know the variable in which a handler wrapper looks for the function's handler.
    UnknownHandlerWrapper = "unknown-handler-wrapper";
    /// Two handler wrappers use the same variable, or the variable of a handler wrapper is already set.
    HandlerVariableClash = "handler-variable-clash";
    /// Lambda does not accept the name or value of an environment variable.
    BadVariable = "bad-variable";
    /// Lambda sets the environment variable itself.
    ReservedVariable = "reserved-variable";
    /// A pattern is not in gitignore syntax.
    BadPattern = "bad-pattern";
    /// The template of a repository's name, or the name that results from it, is not valid in ECR.
    BadRepository = "bad-repository";
    /// The text is not an AWS account number.
    BadAccount = "bad-account";
    /// ECR does not accept the tag.
    BadTag = "bad-tag";
    /// Warning: no file matches a pattern of `dependencies`.
    IdlePattern = "idle-pattern";
    /// Warning: a variable looks like a secret.
    PossibleSecret = "possible-secret";
    /// Warning: a value contains `${NAME}` or the like, which limg does not replace.
    LiteralVariable = "literal-variable";
    /// Warning: the environment is larger than Lambda allows in a function's configuration.
    LargeEnvironment = "large-environment";
    /// Warning: no function uses a layer, extension or base.
    Unused = "unused";
    /// Warning: `checks` allows findings that there are none of.
    IdleAllowance = "idle-allowance";
    /// A value that limg needs depends on a variable that it cannot resolve.
    UnresolvedVariable = "unresolved-variable";
    /// A value of a template that limg needs is only known to the deployed stack, or has to be given.
    UnresolvedValue = "unresolved-value";
    /// An intrinsic function of a template has wrong arguments, or names something that the template does not define.
    BadIntrinsic = "bad-intrinsic";
    /// What another tool builds is missing, or older than its sources.
    MissingBuild = "missing-build";
    /// Warning: only the deployed stack knows the value of a variable, so that the function runs without it here.
    DeployedValue = "deployed-value";
    /// The code or a layer of a template is in S3.
    RemoteCode = "remote-code";
    /// `samconfig.toml` cannot be read.
    Samconfig = "bad-samconfig";
    /// A nested template cannot be read, or has no file of its own to be written to.
    NestedTemplate = "nested-template";
    /// A value of a template cannot be changed alone where it is written.
    UneditableValue = "uneditable-value";
    /// Warning: a loop of a template makes the function, and is left as it is.
    LoopFunction = "loop-function";
    /// Warning: a template chooses something by a parameter, condition or mapping, and the image is built for one value.
    FixedValue = "fixed-value";
    /// Warning: a function that CloudFormation replaces has a fixed name, which the old function still has.
    FixedName = "fixed-name";
    /// Warning: something in the template depends on a function that CloudFormation replaces.
    ReplacedFunction = "replaced-function";
    /// Warning: AWS has deprecated the runtime, and its base image gets no more patches.
    DeprecatedRuntime = "deprecated-runtime";
    /// The base image is missing, damaged, not pinned, or for another architecture.
    UnusableBase = "unusable-base";
    /// The working directory is relative, missing, or closed to other users in the base; a warning if limg uses another.
    UnusableWorkdir = "unusable-workdir";
    /// Files cannot be listed, or cannot be stored in an image.
    UnusableSource = "unusable-source";
    /// Warning: bytecode of Python does not match its source, so that it is compiled again at every cold start.
    StaleBytecode = "stale-bytecode";
    /// Warning: sources of Python do not compile, so that they have no bytecode.
    UncompilableSource = "uncompilable-source";
    /// Warning: many sources of Python have no bytecode, so that they are compiled at every cold start.
    MissingBytecode = "missing-bytecode";
    /// Warning: a program of a base image ran on this machine, as `--allow-base-programs` allows.
    BaseProgram = "base-program";
    /// Warning: a layer, extension or the code has no files.
    NoFiles = "no-files";
    /// Warning: a layer, extension or the code has only an archive in it, which Lambda does not unpack.
    PackedTwice = "packed-twice";
    /// Warning: everything in a layer, extension or the code is in one folder, where Lambda does not look.
    WrappedInFolder = "wrapped-in-folder";
    /// Warning: a layer, extension or the code is a virtual environment of Python, where Lambda does not look for packages,
    /// or `python/` of a layer for Python is one, which limg leaves out.
    VirtualEnvironment = "virtual-environment";
    /// The code or a layer needs packages that are not installed; a warning in projects without a tool that installs them.
    MissingPackages = "missing-packages";
    /// The packages that `install` asks for cannot be installed.
    UninstallablePackages = "uninstallable-packages";
    /// esbuild or make fails, or makes nothing, when limg builds the code or a layer.
    FailedBuild = "failed-build";
    /// Warning: two packages contain a file with different content.
    PackageConflict = "package-conflict";
    /// Warning: packages of Node.js have install scripts, which ran on the build machine or did not run.
    InstallScripts = "install-scripts";
    /// Warning: Python packages were built from source on this machine, which ran their code.
    BuiltFromSource = "built-from-source";
    /// Warning: a file looks like a secret.
    SecretFile = "secret-file";
    /// A published layer declares other runtimes or architectures.
    IncompatibleLayer = "incompatible-layer";
    /// Warning: a published layer does not declare what it is compatible with.
    UndeclaredLayer = "undeclared-layer";
    /// The image, with its base, is larger than Lambda allows.
    ImageTooLarge = "image-too-large";
    /// There is a file where another layer or the base has a directory, or the reverse.
    FileOverDirectory = "file-over-directory";
    /// A symbolic link leads to a file of the build machine, which is not in the image.
    LinkToMachine = "link-to-machine";
    /// A symbolic link leads to a system file of the build machine, such as one in `/usr`, which the image does not have.
    LinkToSystem = "link-to-system";
    /// Warning: a symbolic link leads to nothing in the image.
    DanglingLink = "dangling-link";
    /// A package of Node.js that took the place of a followed link needs another one that is not in the image.
    IncompletePackage = "incomplete-package";
    /// A Python package is installed in editable mode: its files are on the build machine only. A warning if limg does not
    /// know its modules.
    EditableInstall = "editable-install";
    /// A wrapper script is not in the image.
    MissingWrapper = "missing-wrapper";
    /// A wrapper script is used with a base whose own bootstrap may not run it.
    WrapperIgnored = "wrapper-ignored";
    /// Two wrapper scripts have the same path in the image.
    WrapperCollision = "wrapper-collision";
    /// The base's entry script requires a handler, and the function has none.
    NoHandler = "no-handler";
    /// Warning: the file of the handler is not in the image, or does not have the function.
    HandlerNotFound = "handler-not-found";
    /// The code is a project of Java or .NET that has not been compiled.
    UncompiledCode = "uncompiled-code";
    /// Nothing in the base image starts the handler.
    NoEntrypoint = "no-entrypoint";
    /// The entry point only runs the handler's name as a command; a warning if it is a script that may do more.
    ForeignEntrypoint = "foreign-entrypoint";
    /// The image does not contain the runtime interface client that would start the handler.
    MissingClient = "missing-client";
    /// The program of an `entrypoint` is not in the image.
    MissingEntrypoint = "missing-entrypoint";
    /// The entry point is a symbolic link, which Lambda rejects.
    EntryPointLink = "entry-point-link";
    /// A custom runtime has no `bootstrap`.
    NoBootstrap = "no-bootstrap";
    /// An extension, wrapper, bootstrap or script is not an executable program; a warning for a script in `/opt/bin`.
    NotAProgram = "not-a-program";
    /// A program or shared library is built for another architecture than the function's, or for another system than Linux; a
    /// warning if the layer's compatibility is ignored.
    WrongArchitecture = "wrong-architecture";
    /// A program or library is linked to another C library than the base's, such as musl; a warning as for `wrong-architecture`.
    WrongLibc = "wrong-libc";
    /// A module is built for another version of Python or Node.js than the runtime's; a warning as for `wrong-architecture`.
    WrongLanguageVersion = "wrong-language-version";
    /// The reference names an index of several images, which Lambda does not accept.
    ImageIndex = "image-index";
    /// The manifest, config or a layer has a media type that Lambda does not accept.
    UnsupportedMediaType = "unsupported-media-type";
    /// Warning: an image mixes media types of Docker and OCI.
    MixedMediaTypes = "mixed-media-types";
    /// Warning: a manifest is larger than Lambda recommends.
    LargeManifest = "large-manifest";
    /// Warning: the settings of an image are larger than Lambda allows.
    LargeSettings = "large-settings";
    /// A layer has no entry for a folder in front of what is in it, which Lambda rejects.
    MissingParent = "missing-parent";
    /// A layer has a device, pipe or socket.
    SpecialFile = "special-file";
    /// Warning: a layer has a hard link, which Lambda is reported to reject.
    HardLink = "hard-link";
    /// Lambda's entry script gets more than the handler.
    WrongArguments = "wrong-arguments";
    /// The interpreter of a script, or the loader of a program, is not in the image.
    MissingInterpreter = "missing-interpreter";
    /// A library that a program needs is not in the image; a warning for a module, which may never be loaded.
    MissingLibrary = "missing-library";
    /// A program needs a newer version of a library than the image has, such as glibc; a warning for a module.
    NewerLibrary = "newer-library";
    /// The function's user cannot enter a folder, or read or run a file.
    ClosedPath = "closed-path";
    /// Warning: a search path that is set does not contain a folder with packages.
    HiddenPackages = "hidden-packages";
    /// Warning: a Python package is for another version of Python.
    OtherPython = "other-python";
    /// Warning: the image has several versions of one Python package.
    DuplicatePackage = "duplicate-package";
    /// Warning: a Python package is split between folders of the search path, and Python finds only the part in one of them.
    SplitPackage = "split-package";
    /// Warning: many files of a function are copies of files of its base.
    CopyOfBase = "copy-of-base";
    /// There are more than ten extensions in `/opt/extensions`.
    TooManyExtensions = "too-many-extensions";
    /// Warning: on this base, the last argument of a Python wrapper script is the handler.
    WrapperArguments = "wrapper-arguments";
    /// Warning: `node_modules` is at the root of a layer.
    MisplacedNodeModules = "misplaced-node-modules";
    /// Warning: a folder is called `extension` instead of `extensions`.
    MisplacedExtension = "misplaced-extension";
    /// Warning: Lambda does not start any file of an extension.
    IdleExtension = "idle-extension";
    /// Warning: a file keeps Lambda from starting extensions.
    ExtensionsSwitchedOff = "extensions-switched-off";
}

impl Code {
    /// Whether no image can be made of what has such an error.
    #[must_use]
    pub fn stops_every_image(self) -> bool {
        matches!(self, Self::FileOverDirectory | Self::LinkToMachine | Self::MissingPackages)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_unique_kebab_case_and_described() {
        let unique: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(unique.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(
                code.name().split('-').all(|word| word.chars().all(|c| c.is_ascii_lowercase())),
                "{code}"
            );
            assert!(!code.name().contains("--"), "{code}");
            assert!(code.description().ends_with('.'), "{code}");
        }
    }
}
