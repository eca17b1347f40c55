//! A statement with its values, one text for both engines.

use sqlx::Row as _;

use super::{Conn, Fault, Held, Row};

/// One value of a statement. The ledger's columns are BIGINT, TEXT and BYTEA.
#[derive(Clone, Debug)]
pub(in crate::store::sql) enum Value {
    /// BIGINT.
    Int(Option<i64>),
    /// TEXT.
    Text(Option<String>),
    /// BYTEA.
    Bytes(Option<Vec<u8>>),
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(Some(int))
    }
}

impl From<Option<i64>> for Value {
    fn from(int: Option<i64>) -> Self {
        Self::Int(int)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}

impl From<&Vec<u8>> for Value {
    fn from(bytes: &Vec<u8>) -> Self {
        Self::Bytes(Some(bytes.clone()))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

impl From<Option<Vec<u8>>> for Value {
    fn from(bytes: Option<Vec<u8>>) -> Self {
        Self::Bytes(bytes)
    }
}

/// A type of a column, or of one that may be empty.
pub(in crate::store::sql) trait Column: Sized {
    /// Reads it by name or by place.
    fn read(row: &Row, at: At<'_>) -> Result<Self, sqlx::Error>;
}

/// Which column.
#[derive(Clone, Copy)]
pub(in crate::store::sql) enum At<'a> {
    /// By its name.
    Name(&'a str),
    /// By its place, from 0.
    Place(usize),
}

macro_rules! columns {
    ($pg:ident: $($type:ty),+) => {
        $(impl Column for $type {
            fn read(row: &Row, at: At<'_>) -> Result<Self, sqlx::Error> {
                match (row, at) {
                    (Row::Lite(row), At::Name(name)) => row.try_get(name),
                    (Row::Lite(row), At::Place(place)) => row.try_get(place),
                    (Row::Pg(row), At::Name(name)) => row.$pg(name),
                    (Row::Pg(row), At::Place(place)) => row.$pg(place),
                }
            }
        })+
    };
}
// PostgreSQL's word for a 1 in a statement is INT4, which is read as what it is: the driver goes by its
// octets.
columns!(try_get_unchecked: i64, Option<i64>);
columns!(try_get: String, Option<String>, Vec<u8>, Option<Vec<u8>>);

impl Row {
    /// A column by its name.
    ///
    /// # Errors
    /// [`Fault::Engine`] where there is no such column, or it is of another type.
    pub(in crate::store::sql) fn get<T: Column>(&self, name: &str) -> Result<T, Fault> {
        Ok(T::read(self, At::Name(name))?)
    }

    /// A column by its place, from 0.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub(in crate::store::sql) fn at<T: Column>(&self, place: usize) -> Result<T, Fault> {
        Ok(T::read(self, At::Place(place))?)
    }
}

/// A statement with its values.
#[must_use]
pub(in crate::store::sql) struct Query {
    text: &'static str,
    values: Vec<Value>,
}

/// A statement, to be given its values in their order.
pub(in crate::store::sql) fn sql(text: &'static str) -> Query {
    Query {
        text,
        values: Vec::new(),
    }
}

/// Runs the same on the engine that a connection is of.
macro_rules! on {
    ($query:ident, $conn:ident, $run:ident) => {
        match &mut $conn.0 {
            Held::Lite(conn) => on!(@ $query, &mut **conn, $run),
            Held::LiteLook(conn) => on!(@ $query, &mut **conn, $run),
            Held::Pg(conn) => on!(@ $query, &mut **conn, $run),
            Held::PgLook(conn) => on!(@ $query, &mut **conn, $run),
        }
    };
    (@ $query:ident, $conn:expr, $run:ident) => {{
        let mut query = sqlx::query($query.text);
        for value in $query.values {
            query = match value {
                Value::Int(int) => query.bind(int),
                Value::Text(text) => query.bind(text),
                Value::Bytes(bytes) => query.bind(bytes),
            };
        }
        query.$run($conn).await?.into()
    }};
}

/// What a statement did.
pub(in crate::store::sql) struct Done(u64);

impl Done {
    /// How many rows it wrote.
    pub(in crate::store::sql) fn rows_affected(&self) -> u64 {
        self.0
    }
}

impl From<sqlx::sqlite::SqliteQueryResult> for Done {
    fn from(result: sqlx::sqlite::SqliteQueryResult) -> Self {
        Self(result.rows_affected())
    }
}

impl From<sqlx::postgres::PgQueryResult> for Done {
    fn from(result: sqlx::postgres::PgQueryResult) -> Self {
        Self(result.rows_affected())
    }
}

/// Rows of an answer, or none.
struct Rows(Vec<Row>);

impl From<Vec<sqlx::sqlite::SqliteRow>> for Rows {
    fn from(rows: Vec<sqlx::sqlite::SqliteRow>) -> Self {
        Self(rows.into_iter().map(Row::Lite).collect())
    }
}

impl From<Vec<sqlx::postgres::PgRow>> for Rows {
    fn from(rows: Vec<sqlx::postgres::PgRow>) -> Self {
        Self(rows.into_iter().map(Row::Pg).collect())
    }
}

impl Query {
    /// Gives it its next value.
    pub(in crate::store::sql) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it.
    ///
    /// # Errors
    /// [`Fault::Engine`].
    pub(in crate::store::sql) async fn execute(self, conn: &mut Conn) -> Result<Done, Fault> {
        Ok(on!(self, conn, execute))
    }

    /// Runs it and reads every row.
    ///
    /// # Errors
    /// [`Fault::Engine`].
    pub(in crate::store::sql) async fn fetch_all(self, conn: &mut Conn) -> Result<Vec<Row>, Fault> {
        let rows: Rows = on!(self, conn, fetch_all);
        Ok(rows.0)
    }

    /// Runs it and reads the first row, where there is one.
    ///
    /// # Errors
    /// [`Fault::Engine`].
    pub(in crate::store::sql) async fn fetch_optional(
        self,
        conn: &mut Conn,
    ) -> Result<Option<Row>, Fault> {
        Ok(self.fetch_all(conn).await?.into_iter().next())
    }

    /// Runs it and reads its one row.
    ///
    /// # Errors
    /// [`Fault::Engine`], also where there is none.
    pub(in crate::store::sql) async fn fetch_one(self, conn: &mut Conn) -> Result<Row, Fault> {
        let row = self.fetch_optional(conn).await?;
        row.ok_or_else(|| sqlx::Error::RowNotFound.into())
    }

    /// Runs it and reads the first column of every row.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub(in crate::store::sql) async fn all<T: Column>(
        self,
        conn: &mut Conn,
    ) -> Result<Vec<T>, Fault> {
        let rows = self.fetch_all(conn).await?;
        rows.iter().map(|row| row.at(0)).collect()
    }

    /// Runs it and reads the first column of the first row, where there is one.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub(in crate::store::sql) async fn maybe<T: Column>(
        self,
        conn: &mut Conn,
    ) -> Result<Option<T>, Fault> {
        let row = self.fetch_optional(conn).await?;
        row.map(|row| row.at(0)).transpose()
    }

    /// Runs it and reads the first column of its one row.
    ///
    /// # Errors
    /// As [`Row::get`], also where there is no row.
    pub(in crate::store::sql) async fn one<T: Column>(self, conn: &mut Conn) -> Result<T, Fault> {
        self.fetch_one(conn).await?.at(0)
    }
}
