//! `crmsync completions` and `crmsync man`: both made from the argument definitions.

use clap::CommandFactory as _;

use super::arguments::{Arguments, Completions, Man};
use super::exit::{Exit, Outcome};
use super::output::write_out;

pub(super) fn completions(arguments: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "crmsync", &mut script);
    write_out(&script)?;
    Ok(Exit::Ok)
}

pub(super) fn man(arguments: &Man) -> Outcome {
    if let Some(dir) = &arguments.dir {
        std::fs::create_dir_all(dir)?;
        clap_mangen::generate_to(Arguments::command(), dir)?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Arguments::command()).render(&mut page)?;
        write_out(&page)?;
    }
    Ok(Exit::Ok)
}
