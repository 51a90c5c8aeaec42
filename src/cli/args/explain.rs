//! `limg explain`.

use clap::Args;

use super::ARGUMENTS;

#[derive(Debug, Args)]
#[command(after_help = "\
The text can be a whole log, with timestamps or JSON around the error. Nothing of it is printed or stored: limg prints what it \
knows about the errors in it. The exit code is 1 if it knows nothing.

Examples:
  limg explain wrong-libc
  limg explain 'fork/exec /lambda-entrypoint.sh: exec format error'
  aws logs tail /aws/lambda/orders | limg explain")]
pub(in crate::cli) struct ExplainArguments {
    /// The code of a finding, such as wrong-libc, or the text of an error; `-` reads it from standard input [default: standard
    /// input, unless that is a terminal]
    #[arg(help_heading = ARGUMENTS, value_name = "CODE or TEXT")]
    pub(in crate::cli) text: Vec<String>,
}
