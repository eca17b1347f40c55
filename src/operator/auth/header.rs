//! One header, once.

use http::HeaderMap;

use super::Why;

/// The text of a header that has to stand once, without the spaces around it.
///
/// # Errors
/// [`Why::Unsigned`] when it is not there or empty, [`Why::Malformed`] when it stands twice or is
/// not visible ASCII.
pub(super) fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Why> {
    let mut all = headers.get_all(name).iter();
    let value = all.next().ok_or(Why::Unsigned)?;
    if all.next().is_some() {
        return Err(Why::Malformed);
    }
    let text = value.to_str().map_err(|_| Why::Malformed)?.trim();
    if text.is_empty() {
        return Err(Why::Unsigned);
    }
    Ok(text)
}

/// What follows the scheme in the one header `Authorization`; the scheme's case does not matter.
///
/// # Errors
/// [`Why::Unsigned`] when it is not there or of another scheme, [`Why::Malformed`] as [`one`].
pub(super) fn authorization<'h>(headers: &'h HeaderMap, scheme: &str) -> Result<&'h str, Why> {
    let (given, rest) = one(headers, "authorization")?
        .split_once(' ')
        .ok_or(Why::Unsigned)?;
    let rest = rest.trim();
    if !given.eq_ignore_ascii_case(scheme) || rest.is_empty() {
        return Err(Why::Unsigned);
    }
    Ok(rest)
}
