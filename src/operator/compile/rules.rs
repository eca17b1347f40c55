//! Rules of a shape, proved.

use crate::operator::compile::Fault;
use crate::operator::field::Field;
use crate::operator::file::RuleFile;
use crate::operator::rule::{Rule, Test};

/// The place of a field among the fields.
pub(in crate::operator) fn field_named(
    fields: &[Field],
    name: &str,
    near: &str,
) -> Result<usize, Fault> {
    fields
        .iter()
        .position(|field| field.name == name)
        .ok_or_else(|| {
            Fault::new(
                near,
                format!("`{name}` is no field"),
                format!(
                    "take one of {}",
                    fields
                        .iter()
                        .map(|field| field.name.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            )
        })
}

/// Proves rules.
pub(in crate::operator) fn rules<T: Copy>(
    files: &[RuleFile<T>],
    fields: &[Field],
) -> Result<Vec<Rule<T>>, Fault> {
    files
        .iter()
        .enumerate()
        .map(|(at, file)| {
            let mut tests = Vec::new();
            tests.extend(file.equals.clone().map(Test::Equals));
            tests.extend(file.other_than.clone().map(Test::OtherThan));
            tests.extend(file.begins.clone().map(Test::Begins));
            tests.extend(file.given.map(Test::Given));
            tests.extend(file.empty.map(Test::Empty));
            let near = match &file.field {
                Some(name) => format!("field: {name}"),
                None => "is:".to_owned(),
            };
            let several = || {
                Fault::new(
                    near.clone(),
                    "a rule asks one thing of one field",
                    "write `field:` with one of `equals: […]`, `other_than: […]`, `begins: […]`, `given: true`, `empty: true`; or `is:` alone as the last rule",
                )
            };
            let (field, test) = match (&file.field, tests.len()) {
                (None, 0) => (0, Test::Always),
                (Some(name), 1) => (
                    field_named(fields, name, &near).map_err(|fault| fault.within(at))?,
                    tests.swap_remove(0),
                ),
                (None | Some(_), _) => return Err(several().within(at)),
            };
            Ok(Rule {
                field,
                test,
                any_case: file.any_case,
                is: file.is,
            })
        })
        .collect()
}
