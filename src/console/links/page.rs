//! `jisr links page`: a shape as a page for the operator's engineers.

use std::path::Path;

use clap::Args;

use crate::console::{Failure, out, parts, shapes};
use crate::operator::page;

/// The options of `jisr links page`.
#[derive(Args)]
pub struct PageArguments {
    /// The shape, by name; without one, the list of all.
    #[arg(value_name = "SHAPE")]
    shape: Option<String>,
}

/// Prints it, as Markdown.
///
/// # Errors
/// [`Failure`] where there is no such shape, or a file of one is wrong.
pub fn run(config: Option<&Path>, arguments: &PageArguments) -> Result<(), Failure> {
    let known = shapes::load(&parts::config(config)?)?;
    let page = match &arguments.shape {
        None => page::index(known.iter()),
        Some(name) => {
            let shape = known.get(name).ok_or_else(|| {
                let names: Vec<_> = known
                    .iter()
                    .map(|shape| shape.head().name.as_str())
                    .collect();
                Failure::Usage(format!(
                    "there is no shape {name}\n  help: take one of {}",
                    names.join(", ")
                ))
            })?;
            page::page(shape)
        }
    };
    out::text(&page)
}
