//! Numbers within right-to-left text: which of them a phone would draw in another order than they
//! were written.

use std::ops::Range;

use unicode_bidi::{BidiInfo, Level};

use crate::screen::alphabet::tidy;

/// The dates, phone numbers, ranges and codes of a text that would be displayed reversed, as
/// written, in the order of the text. The text is [`tidy`]ed first, as it is before it goes out.
///
/// Each line is a paragraph of its own, and its first strong character decides its direction, as
/// phones do it (Unicode Standard Annex 9, P2 and P3). After Arabic words `05-03-1984`,
/// `06 12 34 56 78`, `+212661000001` and `*123#` come out reversed; `05/03/1984`, `0612345678`,
/// `1/5` and a code alone on its line are safe.
pub fn reversed_pieces(text: &str) -> Vec<String> {
    tidy(text).lines().flat_map(reversed_in_line).collect()
}

/// Whether a text has a character of a right-to-left script.
pub fn is_right_to_left(text: &str) -> bool {
    BidiInfo::new(text, None).has_rtl()
}

fn reversed_in_line(line: &str) -> Vec<String> {
    let bidi = BidiInfo::new(line, None);
    if !bidi.has_rtl() {
        return Vec::new();
    }

    // Where each character stands when the line is drawn, counted from the left. A line without
    // paragraph separators is one paragraph; each one in it would be drawn alone.
    let mut pieces = Vec::new();
    for paragraph in &bidi.paragraphs {
        let levels = bidi.reordered_levels(paragraph, paragraph.range.clone());
        let chars: Vec<(usize, char)> = line
            .char_indices()
            .filter(|(at, _)| paragraph.range.contains(at))
            .collect();
        let levels: Vec<Level> = chars
            .iter()
            .filter_map(|(at, _)| levels.get(*at).copied())
            .collect();
        let mut drawn = vec![0; levels.len()];
        for (place, logical) in BidiInfo::reorder_visual(&levels).into_iter().enumerate() {
            if let Some(entry) = drawn.get_mut(logical) {
                *entry = place;
            }
        }
        for piece in pieces_of(&chars) {
            let in_order = drawn
                .get(piece.clone())
                .is_none_or(|places| places.is_sorted());
            if !in_order {
                pieces.push(chars[piece].iter().map(|(_, c)| *c).collect());
            }
        }
    }
    pieces
}

/// The runs of characters that are read as one number or code, as ranges of `chars`: letters and
/// digits of codes, joined by signs, and groups of two and more digits joined by spaces.
fn pieces_of(chars: &[(usize, char)]) -> Vec<Range<usize>> {
    let at = |index: usize| chars.get(index).map_or(' ', |(_, c)| *c);
    let mut pieces: Vec<Range<usize>> = Vec::new();
    let mut index = 0;
    while index < chars.len() {
        if !in_piece(at(index)) {
            index += 1;
            continue;
        }
        let mut piece = index..index;
        while in_piece(at(piece.end)) {
            piece.end += 1;
        }
        index = piece.end;
        while piece.start < piece.end && is_punctuation(at(piece.start)) {
            piece.start += 1;
        }
        while piece.start < piece.end
            && (is_punctuation(at(piece.end - 1)) || at(piece.end - 1) == '+')
        {
            piece.end -= 1;
        }
        match pieces.last_mut() {
            Some(before) if joined_by_space(chars, before, &piece) => before.end = piece.end,
            Some(_) | None => pieces.push(piece),
        }
    }
    pieces.retain(|piece| chars[piece.clone()].iter().any(|(_, c)| c.is_numeric()));
    pieces
}

/// Whether one space parts two groups of at least two digits, as in a phone number.
fn joined_by_space(chars: &[(usize, char)], before: &Range<usize>, after: &Range<usize>) -> bool {
    let digits =
        |group: &[(usize, char)]| group.iter().filter(|(_, c)| c.is_numeric()).count() >= 2;
    let (Some(left), Some(right)) = (chars.get(before.clone()), chars.get(after.clone())) else {
        return false;
    };
    let tail = left
        .iter()
        .rev()
        .take_while(|(_, c)| c.is_numeric())
        .count();
    after.start == before.end + 1
        && chars.get(before.end).is_some_and(|(_, c)| *c == ' ')
        && tail >= 2
        && digits(&right[..right.len().min(2)])
}

/// Whether a character can be part of a number or code.
fn in_piece(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}')
        || matches!(
            c,
            '+' | '-' | '–' | '/' | '.' | ',' | ':' | '*' | '#' | '_' | '(' | ')' | '\''
        )
}

/// Whether a character at the edge of a piece belongs to the sentence rather than to it.
fn is_punctuation(c: char) -> bool {
    matches!(
        c,
        '-' | '–' | '/' | '.' | ',' | ':' | '_' | '(' | ')' | '\''
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(reversed_pieces(text), expected, "{text:?}");
    }

    #[test]
    fn reversed() {
        check("تاريخ الازدياد 05-03-1984", &["05-03-1984"]);
        check(
            "تاريخ 05-03-1984 أو 14-06-2031.",
            &["05-03-1984", "14-06-2031"],
        );
        check("اتصلوا بالرقم 06 12 34 56 78", &["06 12 34 56 78"]);
        check("اتصلوا بالرقم 06\u{a0}12\u{a0}34", &["06 12 34"]);
        check("الهاتف +212661000001", &["+212661000001"]);
        check("اطلبوا *123# الآن", &["*123#"]);
        check("اطلبوا *580*1*1#", &["*580*1*1#"]);
        check("الخيارات 1-5", &["1-5"]);
        check("التاريخ ٠٥-٠٣-١٩٨٤", &["٠٥-٠٣-١٩٨٤"]);
        check("الرمز 12-AB", &["12-AB"]);
        check(
            "السطر الأول\nالهاتف +212661000001\n+212661000001",
            &["+212661000001"],
        );
        // The line begins with Latin letters, so that it is drawn from the left; the number after
        // the Arabic word is reversed all the same.
        check("TNS التاريخ 05-03-1984", &["05-03-1984"]);
    }

    #[test]
    fn safe() {
        check("تاريخ الازدياد 05/03/1984", &[]);
        check("تاريخ الازدياد 05.03.1984", &[]);
        check("تاريخ الازدياد 05031984", &[]);
        check("اتصلوا بالرقم 0612345678 أو 3939.", &[]);
        check("الصفحة 1/5", &[]);
        check("الساعة 08:30", &[]);
        check("رقم البطاقة BE740215", &[]);
        check("رقم البطاقة R204518M", &[]);
        check("أرسلوا TNS AB123456 31122030 05031984", &[]);
        check("اطلبوا:\n*123#\nشكرا", &[]);
        check("اطلبوا:\n+212661000001", &[]);
        check("1 أقرب وكالة\n0 رجوع 00 البداية 9 التالي", &[]);
        check("الاختيارات: (1) أو (2)، 3.", &[]);
        check("Né le 05-03-1984, tél. 06 12 34 56 78, *123#", &[]);
        check("التاريخ ٠٥/٠٣/١٩٨٤", &[]);
        check("عدد 1 2 3", &[]);
        check("اختر 2 12", &[]);
        check("", &[]);
    }

    #[test]
    fn marks_of_direction_are_obeyed() {
        check("الهاتف \u{200e}+212661000001\u{200e}", &[]);
        check("التاريخ \u{2066}05-03-1984\u{2069} هنا", &[]);
    }
}
