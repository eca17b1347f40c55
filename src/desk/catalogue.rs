//! The catalogue: categories with their documents from a YAML file, agencies and points from a CSV
//! file. What the agency imported stands in a folder of its own; until then the embedded files
//! serve, which are samples and say so.

mod categories;
mod points;

use std::path::{Path, PathBuf};

pub use categories::{CategoriesError, read as categories};
pub use points::{COLUMNS as POINT_COLUMNS, read as points};

use crate::desk::sheet::Faults;
use crate::dialog::lists::Lists;

/// The languages in which every label has to be there.
pub const LANGUAGES: [&str; 4] = ["ar", "fr", "ary-Latn", "en"];

/// The name of the category file within the folder.
pub const CATEGORIES_FILE: &str = "categories.yaml";

/// The name of the file of agencies and points within the folder.
pub const POINTS_FILE: &str = "points.csv";

/// The most bytes of either file.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

const EMBEDDED_CATEGORIES: &str = include_str!("../../dialogs/categories.yaml");
const EMBEDDED_POINTS: &str = include_str!("../../dialogs/points.sample.csv");

/// Why a catalogue cannot be used. It holds nothing personal: a catalogue has nothing personal.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CatalogueError {
    /// A file cannot be read.
    #[error("{path}: {text}")]
    #[diagnostic(help("name a file that can be read, at most 16 MiB"))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        text: String,
    },
    /// The category file has a fault.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Categories(#[from] Box<CategoriesError>),
    /// The file of agencies and points has faults.
    #[error(transparent)]
    Points(#[from] Faults),
}

/// The embedded catalogue: sample data but for the architects.
pub fn embedded() -> Lists {
    // A test reads both files, so a build that passed its tests cannot come here with a fault.
    let mut lists = categories("categories.yaml", EMBEDDED_CATEGORIES).unwrap_or_default();
    lists.points = points("points.sample.csv", EMBEDDED_POINTS.as_bytes()).unwrap_or_default();
    lists
}

/// The catalogue of a folder: each file that is there, and the embedded one in place of each that
/// is not. Nothing of it is half loaded: on an error the caller keeps what it had.
///
/// # Errors
/// [`CatalogueError`] with the file and its fault.
pub fn load(folder: &Path) -> Result<Lists, CatalogueError> {
    let mut lists = match read_if_there(&folder.join(CATEGORIES_FILE))? {
        Some(text) => categories(CATEGORIES_FILE, &text)?,
        None => embedded(),
    };
    lists.points = match read_if_there(&folder.join(POINTS_FILE))? {
        Some(text) => points(POINTS_FILE, text.as_bytes())?,
        None => embedded().points,
    };
    Ok(lists)
}

/// The text of a file of at most [`FILE_BYTES_MAX`].
///
/// # Errors
/// [`CatalogueError::File`] when it is too large, not UTF-8 or cannot be read.
pub(super) fn read_text(path: &Path) -> Result<String, CatalogueError> {
    let wrong = |text: String| CatalogueError::File {
        path: path.to_owned(),
        text,
    };
    let size = std::fs::metadata(path)
        .map_err(|error| wrong(error.to_string()))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(wrong("larger than 16 MiB".into()));
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| wrong("not UTF-8; save the file as UTF-8".into()))
}

fn read_if_there(path: &Path) -> Result<Option<String>, CatalogueError> {
    match path.try_exists() {
        Ok(false) => Ok(None),
        Ok(true) => read_text(path).map(Some),
        Err(error) => Err(CatalogueError::File {
            path: path.to_owned(),
            text: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::conversation::Language;
    use crate::dialog::lists::{Item, ListName};

    /// What GSM 7-bit has beside ASCII letters, digits and punctuation, and no escape.
    fn in_gsm(text: &str) -> bool {
        text.chars().all(|c| {
            c.is_ascii_alphanumeric() || " '-(),./:".contains(c) || "àéèùìòäöüñÉÄÖÜÑ".contains(c)
        })
    }

    #[test]
    fn the_embedded_files_are_right() {
        categories("categories.yaml", EMBEDDED_CATEGORIES)
            .map_err(|error| format!("{:?}", miette::Report::new(*error)))
            .unwrap();
        points("points.sample.csv", EMBEDDED_POINTS.as_bytes())
            .map_err(|error| error.to_string())
            .unwrap();
        let lists = embedded();
        assert_eq!(lists.items(ListName::Groups, None).len(), 8);
        assert!(lists.items(ListName::Regions, None).len() >= 6);
        assert!(
            lists
                .items(ListName::Cities, Some("rabat_sale_kenitra"))
                .len()
                >= 2
        );
        assert!(lists.points_of("casablanca").first().unwrap().agency);
    }

    #[test]
    fn labels_are_short_and_their_latin_fits_gsm() {
        let lists = embedded();
        let items: Vec<&Item> = lists
            .groups
            .iter()
            .flat_map(|group| {
                std::iter::once(&group.item)
                    .chain(group.categories.iter().map(|category| &category.item))
            })
            .chain(
                lists
                    .points
                    .iter()
                    .flat_map(|point| [&point.region, &point.city]),
            )
            .collect();
        for item in items {
            for (language, text) in &item.label {
                let most = if language.as_str() == "ar" { 20 } else { 24 };
                assert!(text.chars().count() <= most, "{text}");
                assert!(language.as_str() == "ar" || in_gsm(text), "{text}");
            }
        }
        let documents = lists
            .groups
            .iter()
            .flat_map(|group| &group.categories)
            .flat_map(|category| &category.documents);
        for (language, text) in documents.flatten() {
            assert!(language.as_str() == "ar" || in_gsm(text), "{text}");
        }
        assert!(lists.points.iter().all(|point| in_gsm(&point.latin)));
    }

    #[test]
    fn what_is_not_sourced_says_that_it_is_a_sample() {
        let lists = embedded();
        let french = Language::from("fr");
        for category in lists.groups.iter().flat_map(|group| &group.categories) {
            let texts: Vec<&str> = category
                .documents
                .iter()
                .map(|labels| labels[&french].as_str())
                .collect();
            if category.item.key == "architects" {
                assert!(!category.sample);
                assert_eq!(
                    texts,
                    ["Diplome d'architecte", "Carte nationale d'identité"]
                );
            } else {
                assert!(category.sample, "{}", category.item.key);
                assert!(
                    texts.iter().all(|text| text.contains("exemple")),
                    "{}",
                    category.item.key
                );
            }
        }
        for point in &lists.points {
            assert!(
                point.sample
                    && point.latin.starts_with("Exemple")
                    && point.arabic.starts_with("مثال")
            );
        }
    }

    #[test]
    fn a_folder_takes_the_place_of_the_embedded_files_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path()).unwrap(), embedded());
        let text = EMBEDDED_CATEGORIES.replace("2026.1-sample", "7");
        std::fs::write(folder.path().join(CATEGORIES_FILE), text).unwrap();
        let lists = load(folder.path()).unwrap();
        assert_eq!(
            (lists.version.as_str(), &lists.points),
            ("7", &embedded().points)
        );
        std::fs::write(folder.path().join(POINTS_FILE), "nonsense").unwrap();
        assert!(matches!(
            load(folder.path()),
            Err(CatalogueError::Points(_))
        ));
    }
}
