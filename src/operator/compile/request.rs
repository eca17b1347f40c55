//! `request:` of a shape, proved: its path and its fields.

use crate::operator::compile::{Fault, HOLES};
use crate::operator::field::{Field, Place};
use crate::operator::file::{FieldFile, RequestFile};
use crate::operator::path::{PathShape, Segment};
use crate::operator::request::BodyKind;

/// `request:`, proved.
pub(in crate::operator) struct RequestShape {
    pub methods: Vec<String>,
    pub body: BodyKind,
    pub media_types: Vec<String>,
    pub path: PathShape,
    pub fields: Vec<Field>,
}

/// Proves `request:`. Fields that only the shape knows may be asked about by rules and given back by
/// replies.
pub(in crate::operator) fn request(file: &RequestFile) -> Result<RequestShape, Fault> {
    let methods = file.methods.clone();
    let good = ["GET", "POST", "PUT", "DELETE", "PATCH"];
    if methods.is_empty() || !methods.iter().all(|method| good.contains(&method.as_str())) {
        return Err(Fault::new(
            "methods:",
            "these are no methods of callbacks",
            "write one or more of GET, POST, PUT, DELETE, PATCH in capitals",
        )
        .within("methods"));
    }
    let media_types = match &file.content_types {
        Some(types) => types.clone(),
        None => file
            .body
            .media_types()
            .iter()
            .map(|t| (*t).to_owned())
            .collect(),
    };
    let fields: Vec<Field> = file
        .fields
        .0
        .iter()
        .map(|(name, field)| field_of(name, field))
        .collect();
    let path = path_of(file, &fields)?;
    for field in &fields {
        fits(field, file.body, &path)
            .map_err(|fault| fault.within(&field.name).within("fields"))?;
    }
    Ok(RequestShape {
        methods,
        body: file.body,
        media_types,
        path,
        fields,
    })
}

/// A field as it is read.
fn field_of(name: &str, field: &FieldFile) -> Field {
    let mut places = vec![field.at.clone()];
    places.extend(field.or.iter().cloned());
    Field {
        name: name.to_owned(),
        places,
        optional: field.optional,
        strip: field.strip.clone(),
        after: field.after.clone(),
        before: field.before.clone(),
        part: field.part.as_ref().map(|part| (part.of.clone(), part.nth)),
        digits: field.digits,
    }
}

/// The path below the link.
fn path_of(file: &RequestFile, fields: &[Field]) -> Result<PathShape, Fault> {
    match &file.path {
        Some(path) => PathShape::parse(path).map_err(|message| {
            Fault::new(
                path,
                message,
                "name segments that differ, such as {session}",
            )
            .within("path")
        }),
        None if fields
            .iter()
            .any(|field| field.places.contains(&Place::Rest)) =>
        {
            Ok(PathShape::Any)
        }
        None => Ok(PathShape::None),
    }
}

/// Proves that a field is where such a request has something, and is called as nothing else is.
fn fits(field: &Field, body: BodyKind, path: &PathShape) -> Result<(), Fault> {
    let near = format!("{}:", field.name);
    if HOLES.iter().any(|(hole, _)| *hole == field.name) {
        return Err(Fault::new(
            near,
            format!("`{}` is what replies call something else", field.name),
            "give the field another name",
        ));
    }
    for place in &field.places {
        let can = match place {
            Place::Form(_) => body == BodyKind::Form,
            Place::Json(_) => body == BodyKind::Json,
            Place::Xml(_) => body == BodyKind::Xml,
            Place::Body => body == BodyKind::Text,
            Place::Path(name) => match path {
                PathShape::Of(segments) => segments
                    .iter()
                    .any(|segment| matches!(segment, Segment::Named(n) if n == name)),
                PathShape::Any | PathShape::None => false,
            },
            Place::Query(_) | Place::Header(_) | Place::Rest | Place::Method => true,
        };
        if !can {
            return Err(Fault::new(
                near,
                format!(
                    "field `{}` stands in `{}`, which this request does not have",
                    field.name,
                    place.kind()
                ),
                "let `body:` be form, json, xml or text as the operator sends it, and name the segment in `path:`",
            ));
        }
    }
    if field
        .part
        .as_ref()
        .is_some_and(|(of, nth)| of.is_empty() || *nth == 0)
    {
        return Err(Fault::new(
            near,
            "a part is counted from 1, between separators that are not empty",
            "write `part: { of: \";\", nth: 1 }`",
        ));
    }
    Ok(())
}
