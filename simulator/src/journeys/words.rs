//! What a person finds in a screen or a message: the way on, an option, a code, a password.

/// Whether the last line of a screen, the one that says how to go on, offers 9.
pub fn offers_more(screen: &str) -> bool {
    screen
        .lines()
        .last()
        .is_some_and(|line| line.split_whitespace().any(|word| word == "9"))
}

/// `2 Label` or `2. Label` as key and label.
pub fn option_in(line: &str) -> Option<(&str, &str)> {
    let (key, label) = line.trim().split_once(' ')?;
    let key = key.trim_end_matches(['.', ')']);
    let number = !key.is_empty() && key.len() <= 2 && key.bytes().all(|b| b.is_ascii_digit());
    number.then_some((key, label))
}

/// Six digits that stand alone.
pub fn code_in(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
        .next()
}

/// Twelve characters of the passwords' alphabet, alone on a line, in groups of four or together.
pub fn password_in(text: &str) -> Option<String> {
    text.lines().map(|line| line.replace(' ', "")).find(|line| {
        line.len() == 12
            && line
                .bytes()
                .all(|b| b"34679ACDEFGHJKMNPQRTUVWXY".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_text_holds() {
        let code = |text: &str| code_in(text);
        assert_eq!(
            code("Votre code: 123456\nValable 5 min").as_deref(),
            Some("123456")
        );
        assert_eq!(code("BE740215 104882317 14062031 1234567"), None);
        assert_eq!(
            password_in("MaCNSS:\n7KQM W3XP RH4T\nx").as_deref(),
            Some("7KQMW3XPRH4T")
        );
        assert_eq!(password_in("7KQMW3XPRH4T").as_deref(), Some("7KQMW3XPRH4T"));
        assert_eq!(password_in("0KQM W3XP RH4T\nMOT DE PASSE"), None);
        assert!(
            offers_more("a\n0 Retour 9 Suite") && offers_more("9") && !offers_more("9 a\n0 Retour")
        );
    }
}
