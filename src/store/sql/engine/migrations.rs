//! The tables' versions. Nodes of two versions serve one ledger while they are upgraded one by one: a
//! migration only adds, and what it adds has a default, so that the version before goes on beside it. What
//! is not used any more is taken away by a later version, whose migration says which version of the tables
//! a program has to know from then on: it sets the number of `needs` in `meta`.

use std::sync::LazyLock;

use sqlx::migrate::Migrator;

use super::{Conn, Fault, sql};
use crate::store::StoreError;

/// The migrations of this program. A ledger may have later ones.
pub(super) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("./migrations");
    migrations.set_ignore_missing(true);
    migrations
});

/// The version of the tables that this program knows.
pub(super) fn known() -> i64 {
    let versions = MIGRATIONS.iter().map(|one| one.version);
    versions.max().unwrap_or(0)
}

/// Whether this program may use a ledger: one whose tables have lost what it needs it may not.
///
/// # Errors
/// [`StoreError::Unavailable`] with what to do.
pub(super) async fn may_use(conn: &mut Conn) -> Result<(), StoreError> {
    let needs: Result<Option<i64>, Fault> = sql("SELECT number FROM meta WHERE name = 'needs'")
        .maybe(conn)
        .await;
    let needs = needs?.unwrap_or(0);
    if needs > known() {
        return Err(StoreError::Unavailable(format!(
            "the ledger needs a program that knows version {needs} of its tables, and this one knows {}; start a later version of jisr",
            known()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// From this one on there are nodes, which are upgraded one by one.
    const NODES: i64 = 7;

    #[test]
    fn a_migration_only_adds() {
        for migration in MIGRATIONS.iter().filter(|one| one.version > NODES) {
            let text = migration.sql.as_str();
            let plain: String = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("--"))
                .collect::<Vec<_>>()
                .join("\n");
            for statement in plain
                .split(';')
                .map(str::trim)
                .filter(|one| !one.is_empty())
            {
                assert!(only_adds(statement), "{}: {statement}", migration.version);
            }
        }
        for (statement, expected) in [
            ("CREATE TABLE t (x BIGINT NOT NULL)", true),
            ("CREATE INDEX i ON t (x)", true),
            ("DROP INDEX i", true),
            ("ALTER TABLE t ADD COLUMN y BIGINT", true),
            ("ALTER TABLE t ADD COLUMN y BIGINT NOT NULL DEFAULT 0", true),
            ("ALTER TABLE t ADD COLUMN y BIGINT NOT NULL", false),
            ("ALTER TABLE t DROP COLUMN y", false),
            ("ALTER TABLE t RENAME COLUMN y TO z", false),
            ("DROP TABLE t", false),
            ("CREATE UNIQUE INDEX i ON t (x)", false),
            ("DELETE FROM t", false),
        ] {
            assert_eq!(only_adds(statement), expected, "{statement}");
        }
    }

    /// Whether a program of the version before can go on beside a statement.
    fn only_adds(statement: &str) -> bool {
        let words: Vec<&str> = statement.split_whitespace().collect();
        match words.as_slice() {
            ["CREATE", "TABLE" | "INDEX", ..] | ["DROP", "INDEX", ..] | ["UPDATE", ..] => true,
            ["ALTER", "TABLE", _, "ADD", "COLUMN", rest @ ..] => {
                !rest.contains(&"NULL") || rest.contains(&"DEFAULT")
            }
            _ => false,
        }
    }
}
