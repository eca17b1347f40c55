//! How people get into the sandbox: a whole file or nothing of it.

use std::collections::HashMap;
use std::io::Read;

use sqlx::{QueryBuilder, Sqlite};

use super::{SandboxRegistry, seal_kept};
use crate::desk::import::ImportError;
use crate::desk::people::{self, COLUMNS};
use crate::desk::sheet::{Fault, Faults, Sheet};
use crate::store::Mark;

/// Rows of one INSERT; SQLite takes 32,766 bound values.
const ROWS_AT_ONCE: usize = 250;

/// A row that is ready to be inserted.
struct Ready {
    identity: Mark,
    registration: Option<Mark>,
    account: bool,
    kept: Vec<u8>,
}

impl SandboxRegistry {
    /// Replaces all people by those of a CSV file, in one transaction; accounts that were opened
    /// here stay. `total` is the size of the file in bytes; `progress` hears bytes read and total.
    /// Gives the number of people.
    ///
    /// # Errors
    /// [`ImportError`]; then nothing has changed.
    pub async fn replace_people<R: Read + Send>(
        &self,
        file: &str,
        bytes: R,
        total: u64,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<u64, ImportError> {
        let mut sheet = Sheet::open(file, bytes, COLUMNS)?;
        let mut writing = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM people")
            .execute(&mut *writing)
            .await?;
        sqlx::query("DELETE FROM accounts WHERE generation = 0")
            .execute(&mut *writing)
            .await?;

        let now = self.clock.now().ms();
        let (mut lines, mut count) = (HashMap::new(), 0_u64);
        loop {
            let ready = self.ready(&mut sheet, &mut lines)?;
            if ready.is_empty() {
                break;
            }
            progress(sheet.position().min(total), total);
            // After a fault the rest is only read, to find the other faults.
            if !sheet.clean() {
                continue;
            }
            count += ready.len() as u64;
            let mut insert =
                QueryBuilder::<Sqlite>::new("INSERT INTO people (identity, registration, kept) ");
            insert.push_values(&ready, |mut row, person| {
                row.push_bind(person.identity.to_vec())
                    .push_bind(person.registration.map(|mark| mark.to_vec()))
                    .push_bind(&person.kept);
            });
            insert.build().execute(&mut *writing).await?;
            for registration in ready
                .iter()
                .filter(|person| person.account)
                .filter_map(|person| person.registration)
            {
                sqlx::query(
                    "INSERT INTO accounts (registration, generation, opened_at, change_forced) \
                     VALUES ($1, 0, $2, FALSE) ON CONFLICT (registration) DO NOTHING",
                )
                .bind(registration.to_vec())
                .bind(now)
                .execute(&mut *writing)
                .await?;
            }
        }
        sheet.finish()?;
        if count == 0 {
            let expected =
                "at least one person; a file without any would erase everybody".to_owned();
            let faults = vec![Fault {
                line: 2,
                column: "row",
                expected,
            }];
            return Err(Faults {
                file: file.to_owned(),
                faults,
            }
            .into());
        }
        writing.commit().await?;
        progress(total, total);
        Ok(count)
    }

    /// The next rows, sealed; none at the end of the sheet.
    fn ready<R: Read>(
        &self,
        sheet: &mut Sheet<R>,
        lines: &mut HashMap<Mark, u64>,
    ) -> Result<Vec<Ready>, ImportError> {
        let mut ready = Vec::with_capacity(ROWS_AT_ONCE);
        while ready.len() < ROWS_AT_ONCE {
            let Some((line, entry)) = people::next(sheet) else {
                break;
            };
            let Some(entry) = entry else { continue };
            let identity = self.identity_mark(entry.kind.word(), &entry.number);
            let registration = entry
                .kept
                .registration()
                .map(|registration| self.registration_mark(registration));
            for (column, mark) in [
                ("id_number", Some(identity)),
                ("registration", registration),
            ] {
                if let Some(before) = mark.and_then(|mark| lines.insert(mark, line)) {
                    sheet.fault(
                        line,
                        column,
                        format!("each one once, but line {before} has the same"),
                    );
                }
            }
            let kept = seal_kept(&self.keys, &*self.chance, &identity, &entry.kept)?;
            ready.push(Ready {
                identity,
                registration,
                account: entry.account,
                kept,
            });
        }
        Ok(ready)
    }
}
