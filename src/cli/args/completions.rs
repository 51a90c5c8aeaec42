//! `limg completions`.

use clap::Args;

use super::ARGUMENTS;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  limg completions bash > /etc/bash_completion.d/limg
  limg completions zsh > ~/.zfunc/_limg    # with ~/.zfunc in fpath
  limg completions fish > ~/.config/fish/completions/limg.fish
  limg completions powershell >> $PROFILE")]
pub(in crate::cli) struct CompletionsArguments {
    /// The shell
    #[arg(help_heading = ARGUMENTS, value_name = "SHELL")]
    pub(in crate::cli) shell: clap_complete::Shell,
}
