//! `jisr import`: people, categories and points from files, all of a file or nothing.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::RegistryKind;
use crate::console::out::say;
use crate::console::{Failure, parts};
use crate::desk::import::{self, ImportError};

/// What can be brought in.
#[derive(Subcommand)]
pub enum ImportCommand {
    /// The people of the sandbox, in place of those it has.
    ///
    /// A CSV file with the columns id_type, id_number, expiry, birth, standing, registration,
    /// account, reason, reason_text, phone, name, address, email; dates as dd/mm/yyyy.
    People {
        /// The file.
        file: PathBuf,
    },
    /// The professional categories and their documents, in the form of dialogs/categories.yaml.
    Categories {
        /// The file.
        file: PathBuf,
    },
    /// The agencies and proximity points.
    ///
    /// A CSV file with the columns kind (agency or point), region_key, region_fr, region_ar,
    /// city_key, city_fr, city_ar, latin, arabic, sample.
    Points {
        /// The file.
        file: PathBuf,
    },
}

/// Imports a file. A running gateway sees people at once, and the rest at its next start.
///
/// # Errors
/// [`Failure`] with every fault of the file, by line; nothing has changed then.
pub fn run(config: Option<&Path>, command: &ImportCommand) -> Result<(), Failure> {
    let config = parts::config(config)?;
    let folder = config.store.beside("catalogue");
    match command {
        ImportCommand::People { file } => {
            if config.registry.kind != RegistryKind::Sandbox {
                return Err(Failure::Usage(
                    "people are imported into the sandbox only, and registry.kind is http"
                        .to_owned(),
                ));
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(Failure::of)?;
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}") {
                bar.set_style(style);
            }
            let count = runtime.block_on(async {
                let sandbox = parts::sandbox(&config).await?;
                import::people(&sandbox, file, &mut |done, total| {
                    bar.set_length(total);
                    bar.set_position(done);
                })
                .await
                .map_err(failure)
            });
            bar.finish_and_clear();
            say!("{} people imported", count?)?;
        }
        ImportCommand::Categories { file } => {
            say!(
                "{} categories imported",
                import::categories(file, &folder).map_err(failure)?
            )?;
        }
        ImportCommand::Points { file } => {
            say!(
                "{} agencies and points imported",
                import::points(file, &folder).map_err(failure)?
            )?;
        }
    }
    Ok(())
}

fn failure(error: ImportError) -> Failure {
    Failure::Failed(format!("{:?}", miette::Report::new(error)))
}
