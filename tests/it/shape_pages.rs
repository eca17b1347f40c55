//! `docs/shapes/` is what `jisr links page` prints of the built-in shapes. `UPDATE_PAGES=1 cargo test
//! --test it shape_pages` writes it anew.

use std::collections::BTreeSet;
use std::path::Path;

use jisr::operator::page;
use jisr::operator::shape::Shapes;
use tempfile::TempDir;

use crate::program::run;

#[test]
fn the_pages_are_those_of_the_shapes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/shapes");
    let renew = std::env::var_os("UPDATE_PAGES").is_some();
    let shapes = Shapes::load(&[]).unwrap();
    let mut pages = vec![("README.md".to_owned(), page::index(shapes.iter()))];
    pages.extend(
        shapes
            .iter()
            .map(|shape| (format!("{}.md", shape.head().name), page::page(shape))),
    );
    if renew {
        std::fs::create_dir_all(&folder).unwrap();
    }
    let mut wrong = Vec::new();
    for (file, page) in &pages {
        let path = folder.join(file);
        if renew {
            std::fs::write(&path, page).unwrap();
        } else if std::fs::read_to_string(&path).ok().as_ref() != Some(page) {
            wrong.push(format!("docs/shapes/{file} is not what its shape says"));
        }
    }
    let known: BTreeSet<&str> = pages.iter().map(|(file, _)| file.as_str()).collect();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if known.contains(name.as_str()) {
            continue;
        }
        if renew {
            std::fs::remove_file(entry.path()).unwrap();
        } else {
            wrong.push(format!("docs/shapes/{name} is of no shape"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n  help: UPDATE_PAGES=1 cargo test --test it shape_pages",
        wrong.join("\n")
    );
}

#[tokio::test]
async fn the_command_prints_them() {
    let folder = TempDir::new().unwrap();
    let shapes = Shapes::load(&[]).unwrap();
    let one = page::page(shapes.get("generic").unwrap());
    for (arguments, code, says) in [
        (&["links", "page", "generic"][..], 0, one.as_str()),
        (&["links", "page"], 0, &page::index(shapes.iter())),
        (&["links", "page", "nobody"], 2, "there is no shape nobody"),
    ] {
        let ended = run(folder.path(), arguments, &[]).await;
        assert_eq!(ended.code, Some(code), "{}", ended.output);
        assert!(ended.output.starts_with(says), "{}", ended.output);
    }
}

#[tokio::test]
async fn check_plays_the_samples_of_the_shapes_that_links_have() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    std::fs::create_dir(here.join("shapes")).unwrap();
    let shapes = Shapes::load(&[]).unwrap();
    let text = shapes.source("generic").unwrap().text();
    // An answer that is the other way round, and nobody has looked at the samples since.
    let turned = text.replace("continue: \"{continues}\"", "continue: \"{ends}\"");
    assert_ne!(turned, text);
    std::fs::write(here.join("shapes/generic.yaml"), &turned).unwrap();
    let answer = turned.lines().position(|line| line == "    answer: |");
    let line = answer.unwrap() + 1;
    let config = |shape: &str| {
        format!(
            "[[link]]\nkind = \"sandbox\"\nname = \"sandbox\"\nshape = \"{shape}\"\nservices = [\"tns\"]\n"
        )
    };

    std::fs::write(here.join("jisr.toml"), config("generic")).unwrap();
    let ended = run(here, &["check"], &[]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    for part in [
        "O005",
        &format!("shapes/generic.yaml:{line}:"),
        "says answer",
        "jisr links test --shape generic",
    ] {
        assert!(ended.output.contains(part), "{part}\n{}", ended.output);
    }
    let ended = run(here, &["check", "--json"], &[]).await;
    let first = ended.output.lines().next().unwrap();
    let finding: serde_json::Value = serde_json::from_str(first).unwrap();
    assert_eq!(finding["code"], "O005", "{first}");
    assert_eq!(finding["line"], line, "{first}");

    // A shape that no link has is nobody's business yet.
    std::fs::write(here.join("jisr.toml"), config("hubtel")).unwrap();
    let ended = run(here, &["check"], &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    let played = shapes.get("hubtel").unwrap().samples();
    let told = format!("1 link(s), {played} sample(s) of shapes: 0 error(s)");
    assert!(ended.output.contains(&told), "{told}\n{}", ended.output);
}
