//! `jisr check` and `jisr graph`: dialogs, texts and the shapes of links, before they go live.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::book::Book;
use crate::check::{self, Subject};
use crate::console::out::say;
use crate::console::parts::{self, DIALOGS};
use crate::console::{Failure, shapes};
use crate::dialog::lists::Lists;
use crate::dialog::{graph as drawing, load};
use crate::finding::{Finding, Level, Source, Span};
use crate::locale::{LocaleFault, LocaleFile, Locales, embedded_files};
use crate::operator::prove;
use crate::screen::Limit;

/// The options of `jisr check`.
#[derive(Args)]
pub struct CheckArguments {
    /// Dialog files to prove in place of the built-in ones.
    #[arg(value_name = "DIALOG")]
    dialogs: Vec<PathBuf>,
    /// A folder of texts, LANGUAGE/NAME.ftl, in place of the built-in ones.
    #[arg(long, value_name = "FOLDER")]
    locales: Option<PathBuf>,
    /// Print findings as JSON, one a line.
    #[arg(long)]
    json: bool,
}

/// The options of `jisr graph`.
#[derive(Args)]
pub struct GraphArguments {
    /// A dialog file; without one, the built-in `tns`.
    #[arg(value_name = "DIALOG")]
    dialog: Option<PathBuf>,
    /// How it is drawn.
    #[arg(long, value_enum, default_value_t = Drawing::Mermaid)]
    format: Drawing,
}

/// How a dialog is drawn.
#[derive(Clone, Copy, ValueEnum)]
enum Drawing {
    /// For Markdown pages.
    Mermaid,
    /// For Graphviz.
    Dot,
}

/// Proves dialogs × languages × links and the samples of the links' shapes, and prints what is wrong.
///
/// # Errors
/// [`Failure`] when there is an error among the findings; warnings are only printed.
pub fn run(config: Option<&Path>, arguments: &CheckArguments) -> Result<(), Failure> {
    let config = parts::config_with_files(config)?;
    let lists = parts::lists(&config)?;
    let files = match &arguments.locales {
        Some(folder) => locale_files(folder)?,
        None => embedded_files(),
    };
    let dialogs: Vec<(String, String)> = if arguments.dialogs.is_empty() {
        DIALOGS
            .iter()
            .map(|(_, file, source)| ((*file).to_owned(), (*source).to_owned()))
            .collect()
    } else {
        arguments
            .dialogs
            .iter()
            .map(|path| read(path))
            .collect::<Result<_, _>>()?
    };
    let shapes = shapes::load(&config)?;
    let limits = parts::limits(&config, &shapes)?;
    let mut findings = shapes::passed_over(&config)?;
    let mut samples = 0;
    for name in shapes::used(&config) {
        if let (Some(shape), Some(source)) = (shapes.get(name), shapes.source(name)) {
            samples += shape.samples();
            findings.extend(prove::samples(shape, source));
        }
    }
    for (name, source) in &dialogs {
        findings.extend(prove(name, source, &files, &lists, &limits));
    }
    let errors = findings
        .iter()
        .filter(|finding| finding.level == Level::Error)
        .count();
    let warnings = findings.len() - errors;
    for finding in findings {
        if arguments.json {
            say!("{}", serde_json::to_string(&finding).map_err(Failure::of)?)?;
        } else {
            eprintln!("{:?}", miette::Report::new(finding));
        }
    }
    if !arguments.json {
        let languages = files
            .iter()
            .map(|file| &file.language)
            .collect::<std::collections::BTreeSet<_>>()
            .len();
        say!(
            "{} dialog(s) × {languages} language(s) × {} link(s), {samples} sample(s) of shapes: {errors} error(s), {warnings} warning(s)",
            dialogs.len(),
            config.links.len(),
        )?;
    }
    if errors == 0 {
        Ok(())
    } else {
        Err(Failure::Failed(format!(
            "{errors} error(s): nothing of it goes live"
        )))
    }
}

/// Everything that is wrong with one dialog and its texts.
pub fn prove(
    name: &str,
    source: &str,
    files: &[LocaleFile],
    lists: &Lists,
    limits: &[(&str, Limit)],
) -> Vec<Finding> {
    let source = Source::new(name, source);
    let (dialog, marks) = match load::load_marked(&source) {
        Ok(loaded) => loaded,
        Err(findings) => return findings,
    };
    let locales = match Locales::load(files) {
        Ok(locales) => locales,
        Err(faults) => return faults.iter().map(|fault| finding(fault, files)).collect(),
    };
    check::texts(Subject {
        dialog: &dialog,
        marks: &marks,
        source: &source,
        locales: &locales,
        files,
        lists,
        limits,
    })
}

/// A fault of a file of texts, as a finding.
fn finding(fault: &LocaleFault, files: &[LocaleFile]) -> Finding {
    let text = files
        .iter()
        .find(|file| file.name == fault.file)
        .map_or("", |file| file.source.as_str());
    let (at, len) = fault.span();
    Source::new(&fault.file, text).error(
        fault.code,
        Span { at, len },
        fault.what.clone(),
        fault.mend.clone(),
    )
}

/// Refuses a book whose dialogs or texts have errors: a bad dialog never goes live.
///
/// # Errors
/// [`Failure`] with every error printed.
pub fn prove_book(book: &Book, limits: &[(&str, Limit)]) -> Result<(), Failure> {
    let files = embedded_files();
    let mut errors = Vec::new();
    for (name, file, source) in DIALOGS {
        if book
            .services
            .values()
            .any(|service| service.dialog.name == *name)
        {
            errors.extend(
                prove(file, source, &files, &book.lists, limits)
                    .into_iter()
                    .filter(|finding| finding.level == Level::Error),
            );
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(parts::printed(errors))
    }
}

/// Draws a dialog.
///
/// # Errors
/// [`Failure`] when it cannot be read or is not sound.
pub fn graph(arguments: &GraphArguments) -> Result<(), Failure> {
    let dialog = match &arguments.dialog {
        Some(path) => {
            let (name, source) = read(path)?;
            load::load(&name, &source).map_err(parts::printed)?
        }
        None => parts::dialog("tns")?,
    };
    let drawn = match arguments.format {
        Drawing::Mermaid => drawing::mermaid(&dialog),
        Drawing::Dot => drawing::dot(&dialog),
    };
    say!("{drawn}")
}

fn read(path: &Path) -> Result<(String, String), Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(error) => Err(Failure::Failed(format!(
            "{}: cannot be read: {error}",
            path.display()
        ))),
    }
}

/// The files of a folder of texts, in the order of their names.
fn locale_files(folder: &Path) -> Result<Vec<LocaleFile>, Failure> {
    let entries = |path: &Path| -> Result<Vec<PathBuf>, Failure> {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
            .and_then(|entries| {
                entries
                    .map(|entry| entry.map(|entry| entry.path()))
                    .collect()
            })
            .map_err(|error| {
                Failure::Failed(format!("{}: cannot be read: {error}", path.display()))
            })?;
        entries.sort();
        Ok(entries)
    };
    let mut files = Vec::new();
    for language in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let name = language
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for file in entries(&language)?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|kind| kind == "ftl"))
        {
            let (printed, source) = read(&file)?;
            files.push(LocaleFile {
                language: crate::conversation::Language(name.clone()),
                name: printed,
                source,
            });
        }
    }
    if files.is_empty() {
        return Err(Failure::Failed(format!(
            "{}: there are no texts\n  help: they stand in LANGUAGE/NAME.ftl",
            folder.display()
        )));
    }
    Ok(files)
}
