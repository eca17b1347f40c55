//! What `jisr import` does: a whole file or nothing of it, with faults that name the line.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use crate::desk::catalogue::{self, CATEGORIES_FILE, CatalogueError, POINTS_FILE};
use crate::desk::sandbox::SandboxRegistry;
use crate::desk::sheet::Faults;
use crate::store::StoreError;

/// The most bytes of a file of people.
const PEOPLE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Why an import changed nothing. Faults in people name lines and columns, never a cell.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ImportError {
    /// The sheet has faults.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// The catalogue has a fault.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Catalogue(#[from] CatalogueError),
    /// A file cannot be read or written.
    #[error("{path}: {text}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        text: String,
    },
    /// The database refused. The driver's text has no bound values.
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    /// A value could not be sealed.
    #[error(transparent)]
    Seal(#[from] StoreError),
}

impl ImportError {
    fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            text: error.to_string(),
        }
    }
}

/// `import people FILE.csv`: replaces all people of the sandbox; gives their number. `progress`
/// hears bytes done and bytes in all, at least once every few hundred rows.
///
/// # Errors
/// [`ImportError`]; then nothing has changed.
pub async fn people(
    sandbox: &SandboxRegistry,
    file: &Path,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<u64, ImportError> {
    let opened = File::open(file).map_err(|error| ImportError::file(file, &error))?;
    let total = opened
        .metadata()
        .map_err(|error| ImportError::file(file, &error))?
        .len();
    if total > PEOPLE_BYTES_MAX {
        return Err(ImportError::File {
            path: file.to_owned(),
            text: "larger than 1 GiB".into(),
        });
    }
    let name = file.display().to_string();
    sandbox
        .replace_people(
            &name,
            BufReader::with_capacity(1 << 16, opened),
            total,
            progress,
        )
        .await
}

/// `import categories FILE.yaml`: checks the file and puts it into the catalogue's folder; gives
/// the number of categories.
///
/// # Errors
/// [`ImportError`]; then the folder is as before.
pub fn categories(file: &Path, folder: &Path) -> Result<u64, ImportError> {
    let text = catalogue::read_text(file)?;
    let lists =
        catalogue::categories(&file.display().to_string(), &text).map_err(CatalogueError::from)?;
    put(folder, CATEGORIES_FILE, &text)?;
    Ok(lists
        .groups
        .iter()
        .map(|group| group.categories.len() as u64)
        .sum())
}

/// `import points FILE.csv`: checks the file and puts it into the catalogue's folder; gives the
/// number of agencies and points.
///
/// # Errors
/// [`ImportError`]; then the folder is as before.
pub fn points(file: &Path, folder: &Path) -> Result<u64, ImportError> {
    let text = catalogue::read_text(file)?;
    let name = file.display().to_string();
    let points = catalogue::points(&name, text.as_bytes())?;
    if points.is_empty() {
        let expected = "at least one agency or point".to_owned();
        let faults = vec![crate::desk::sheet::Fault {
            line: 2,
            column: "row",
            expected,
        }];
        return Err(Faults { file: name, faults }.into());
    }
    put(folder, POINTS_FILE, &text)?;
    Ok(points.len() as u64)
}

/// Writes beside the file and renames, so that a reader sees the old file or the new one, also
/// after a crash.
fn put(folder: &Path, name: &str, text: &str) -> Result<(), ImportError> {
    let (target, fresh) = (folder.join(name), folder.join(format!(".{name}.new")));
    let write = || {
        std::fs::create_dir_all(folder)?;
        let mut file = File::create(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, &target)?;
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        Ok(())
    };
    write().map_err(|error: std::io::Error| ImportError::file(&target, &error))
}
