//! What the program says about its own arguments, for shells and manuals.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use crate::config::Cli;

const NAME: &str = "thumbgate";

/// Writes what a shell needs to complete our arguments.
///
/// # Errors
/// Where it can't be written.
pub fn completions(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    // The generator takes any failure to write for a panic.
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), NAME, &mut script);
    out.write_all(&script)
}

/// Writes the manual page, in roff: the settings, and what roles there are.
///
/// # Errors
/// Where it can't be written.
pub fn manual(out: &mut impl Write) -> io::Result<()> {
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page)?;
    out.write_all(&page)
}
