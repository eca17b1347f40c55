//! Fits a content to a limit, in as many parts as it takes.

use crate::screen::alphabet::{Alphabet, fold_latin, tidy};
use crate::screen::flow::{Flow, price, units};
use crate::screen::{Content, Limit, Screen};

/// The smallest limit for which [`fit`] promises that no part is over it.
pub const LIMIT_MIN: Limit = Limit {
    septets: 60,
    units: 40,
};

/// One part of a content, as text that keeps to the limit. A `part` beyond the last gives the last.
///
/// The text is folded, and the alphabet chosen for the content as a whole, so that all parts have
/// the same. Parts end between lines, else between words, else between characters; an option keeps
/// together where it can, and its number keeps to it always. Few parts come first, then how well the
/// breaks read, then full parts. The last line of each part
/// says how to go back, home and on.
///
/// A navigation that would take half of the limit is cut to its keys.
pub fn fit(content: &Content, limit: Limit, part: usize) -> Screen {
    let (content, alphabet) = prepare(content);
    let room = match alphabet {
        Alphabet::Gsm7 => limit.septets,
        Alphabet::Ucs2 => limit.units,
    };
    let nav = Nav::new(&content, alphabet, room);
    let flow = Flow::new(
        &content,
        alphabet,
        room.saturating_sub(nav.cost(true, false)),
    );

    let plain = flow.lay_out(&nav, room, false);
    let homed = Some(flow.lay_out(&nav, room, true)).filter(|homed| {
        nav.home.is_some()
            && homed.parts.len() <= plain.parts.len()
            && homed.weight < plain.weight + price::GROUP
    });
    let everywhere = homed.is_some();
    let layout = homed.unwrap_or(plain);

    let parts = layout.parts.len();
    let part = part.min(parts - 1);
    let text = &flow.text[layout.parts[part].clone()];
    let on = part + 1 < parts || nav.more;
    let home = everywhere || units(text, alphabet) + nav.cost(on, true) <= room;
    let text = match nav.line(on, home) {
        line if line.is_empty() => text.to_owned(),
        line if text.is_empty() => line,
        line => format!("{text}\n{line}"),
    };
    let cost = units(&text, alphabet);
    Screen {
        text,
        part,
        parts,
        alphabet,
        cost,
    }
}

/// The content with all its texts within GSM 7-bit, if every one of them can be brought there, and
/// the alphabet that follows.
pub(super) fn prepare(content: &Content) -> (Content, Alphabet) {
    if let Some(folded) = each_text(content, fold_latin) {
        return (folded, Alphabet::Gsm7);
    }
    let tidied = each_text(content, |text| Some(tidy(text)));
    (tidied.unwrap_or_default(), Alphabet::Ucs2)
}

/// The content with every text passed through `change` and trimmed; `None` where `change` refuses
/// one. Options and keys are one line each.
fn each_text(content: &Content, change: impl Fn(&str) -> Option<String>) -> Option<Content> {
    let text = |text: &str| change(text).map(|text| text.trim().to_owned());
    let line = |line: &str| text(line).map(|line| line.replace('\n', " "));
    let maybe = |given: &Option<String>, change: &dyn Fn(&str) -> Option<String>| match given {
        Some(given) => change(given).map(Some),
        None => Some(None),
    };
    Some(Content {
        note: maybe(&content.note, &text)?,
        body: text(&content.body)?,
        options: content
            .options
            .iter()
            .map(|option| line(option))
            .collect::<Option<_>>()?,
        next: line(&content.next)?,
        more: content.more,
        back: maybe(&content.back, &line)?,
        home: maybe(&content.home, &line)?,
    })
}

/// The line that says how to go back, home and on.
pub(super) struct Nav {
    back: String,
    home: Option<String>,
    next: String,
    pub(super) more: bool,
    alphabet: Alphabet,
}

impl Nav {
    pub(super) fn new(content: &Content, alphabet: Alphabet, room: usize) -> Self {
        let mut nav = Self {
            back: content.back.clone().unwrap_or_default(),
            home: content.home.clone().filter(|home| !home.is_empty()),
            next: content.next.clone(),
            more: content.more,
            alphabet,
        };
        if nav.cost(true, false) > room / 2 {
            nav.back = key(&nav.back);
            nav.home = nav.home.map(|home| key(&home));
            nav.next = key(&nav.next);
        }
        nav
    }

    fn line(&self, on: bool, home: bool) -> String {
        let home = self.home.as_deref().filter(|_| home).unwrap_or_default();
        let next = if on { self.next.as_str() } else { "" };
        let said: Vec<&str> = [&self.back, home, next]
            .into_iter()
            .filter(|key| !key.is_empty())
            .collect();
        said.join(" ")
    }

    /// What it takes of a part, with the line end before it.
    pub(super) fn cost(&self, on: bool, home: bool) -> usize {
        match units(&self.line(on, home), self.alphabet) {
            0 => 0,
            line => line + 1,
        }
    }
}

/// What remains of `9 Suite` where there is no room for words: its first word, or what three
/// characters show of it.
fn key(label: &str) -> String {
    label
        .split(' ')
        .next()
        .unwrap_or_default()
        .chars()
        .take(3)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// The content written as text: `!` begins the note, a line that begins with a digit is an
    /// option, the rest is body.
    fn content(text: &str, keys: (&str, &str, &str)) -> Content {
        let mut content = Content {
            back: Some(keys.0.to_owned()).filter(|key| !key.is_empty()),
            home: Some(keys.1.to_owned()).filter(|key| !key.is_empty()),
            next: keys.2.to_owned(),
            ..Content::default()
        };
        let mut body = Vec::new();
        for line in text.trim().lines().map(str::trim) {
            if let Some(note) = line.strip_prefix('!') {
                content.note = Some(note.to_owned());
            } else if line.starts_with(|c: char| c.is_ascii_digit()) {
                content.options.push(line.to_owned());
            } else {
                body.push(line);
            }
        }
        content.body = body.join("\n");
        content
    }

    /// Every part, each under a line that tells its number, alphabet and cost.
    fn show(content: &Content, limit: Limit) -> String {
        let mut shown = String::new();
        let parts = fit(content, limit, 0).parts;
        for part in 0..parts {
            let screen = fit(content, limit, part);
            assert_eq!((screen.part, screen.parts), (part, parts));
            let alphabet = match screen.alphabet {
                Alphabet::Gsm7 => "gsm7",
                Alphabet::Ucs2 => "ucs2",
            };
            shown += &format!(
                "[{}/{parts} {alphabet} {}]\n{}\n",
                part + 1,
                screen.cost,
                screen.text
            );
        }
        assert_eq!(
            fit(content, limit, parts + 7),
            fit(content, limit, parts - 1)
        );
        shown
    }

    const FR: (&str, &str, &str) = ("0 Retour", "00 Début", "9 Suite");
    const AR: (&str, &str, &str) = ("0 رجوع", "00 البداية", "9 التالي");

    #[track_caller]
    fn check(text: &str, keys: (&str, &str, &str), limit: Limit, expected: &str) {
        check_content(&content(text, keys), limit, expected);
    }

    #[track_caller]
    fn check_content(content: &Content, limit: Limit, expected: &str) {
        let lines = |text: &str| {
            text.lines()
                .map(|line| format!("{}\n", line.trim()))
                .collect::<String>()
        };
        let shown = show(content, limit);
        assert_eq!(lines(shown.trim()), lines(expected.trim()), "\n{shown}");
    }

    #[test]
    fn one_part() {
        check(
            "!Date invalide. Exemple : 05/03/1984
             Votre date de naissance ? Tapez jour, mois, année.
             1 Je ne sais pas",
            FR,
            Limit::USSD,
            "
                [1/1 gsm7 121]
                Date invalide. Exemple : 05/03/1984
                Votre date de naissance ? Tapez jour, mois, année.
                1 Je ne sais pas
                0 Retour 00 Début
                ",
        );
        check(
            "1 العربية\n2 Français\n3 Darija\n4 English",
            ("", "", "9"),
            Limit::USSD,
            "
                [1/1 ucs2 39]
                1 العربية
                2 Français
                3 Darija
                4 English
                ",
        );
        check(
            "",
            ("", "", "9"),
            Limit::USSD,
            "
                [1/1 gsm7 0]
                ",
        );
        check(
            "",
            FR,
            Limit::USSD,
            "
                [1/1 gsm7 17]
                0 Retour 00 Début
                ",
        );
        check(
            "Œuf à la « coque »",
            ("", "", ""),
            Limit::USSD,
            "
                [1/1 gsm7 19]
                OEuf à la \" coque \"
                ",
        );
    }

    #[test]
    fn french_in_parts() {
        let text = "
            Pour vous inscrire, présentez-vous au point de proximité de votre choix ou à l'agence CNSS la plus proche. Appelez le 3939 ou le 05 22 54 70 54 pour toute question. Vos documents à apporter : diplôme d'architecte, carte nationale d'identité.
            1 Agence la plus proche
            2 Recevoir la liste par SMS
            3 Autre catégorie professionnelle
            4 Terminer";
        check(text, FR, Limit::USSD, "
                [1/2 gsm7 181]
                Pour vous inscrire, présentez-vous au point de proximité de votre choix ou à l'agence CNSS la plus proche. Appelez le 3939 ou le 05 22 54 70 54 pour toute question.
                0 Retour 9 Suite
                [2/2 gsm7 182]
                Vos documents à apporter : diplome d'architecte, carte nationale d'identité.
                1 Agence la plus proche
                2 Recevoir la liste par SMS
                3 Autre catégorie professionnelle
                4 Terminer
                0 Retour
                ");
        check(text, FR, Limit::SMS, "
                [1/1 gsm7 356]
                Pour vous inscrire, présentez-vous au point de proximité de votre choix ou à l'agence CNSS la plus proche. Appelez le 3939 ou le 05 22 54 70 54 pour toute question. Vos documents à apporter : diplome d'architecte, carte nationale d'identité.
                1 Agence la plus proche
                2 Recevoir la liste par SMS
                3 Autre catégorie professionnelle
                4 Terminer
                0 Retour 00 Début
                ");
        check(
            text,
            FR,
            LIMIT_MIN,
            "
                [1/9 gsm7 60]
                Pour vous inscrire, présentez-vous au point
                0 Retour 9 Suite
                [2/9 gsm7 58]
                de proximité de votre choix ou à l'agence
                0 Retour 9 Suite
                [3/9 gsm7 59]
                CNSS la plus proche. Appelez le 3939 ou le
                0 Retour 9 Suite
                [4/9 gsm7 52]
                05 22 54 70 54 pour toute question.
                0 Retour 9 Suite
                [5/9 gsm7 60]
                Vos documents à apporter : diplome
                0 Retour 00 Début 9 Suite
                [6/9 gsm7 58]
                d'architecte, carte nationale d'identité.
                0 Retour 9 Suite
                [7/9 gsm7 49]
                1 Agence la plus proche
                0 Retour 00 Début 9 Suite
                [8/9 gsm7 53]
                2 Recevoir la liste par SMS
                0 Retour 00 Début 9 Suite
                [9/9 gsm7 53]
                3 Autre catégorie professionnelle
                4 Terminer
                0 Retour
                ",
        );
    }

    #[test]
    fn arabic_in_parts() {
        let text = "
            للتسجيل، تقدموا إلى أقرب وكالة أو نقطة قرب. الوثائق: بطاقة التعريف الوطنية، الدبلوم. للمساعدة اتصلوا بالرقم 3939.
            1 أقرب وكالة
            2 اللائحة عبر رسالة قصيرة
            3 فئة أخرى";
        check(
            text,
            AR,
            Limit::USSD,
            "
                [1/3 ucs2 79]
                للتسجيل، تقدموا إلى أقرب وكالة أو نقطة قرب. الوثائق:
                0 رجوع 00 البداية 9 التالي
                [2/3 ucs2 74]
                بطاقة التعريف الوطنية، الدبلوم. للمساعدة اتصلوا
                0 رجوع 00 البداية 9 التالي
                [3/3 ucs2 80]
                بالرقم 3939.
                1 أقرب وكالة
                2 اللائحة عبر رسالة قصيرة
                3 فئة أخرى
                0 رجوع 00 البداية
                ",
        );
        check(
            text,
            AR,
            LIMIT_MIN,
            "
                [1/8 ucs2 40]
                للتسجيل، تقدموا إلى أقرب
                0 رجوع 9 التالي
                [2/8 ucs2 34]
                وكالة أو نقطة قرب.
                0 رجوع 9 التالي
                [3/8 ucs2 38]
                الوثائق: بطاقة التعريف
                0 رجوع 9 التالي
                [4/8 ucs2 33]
                الوطنية، الدبلوم.
                0 رجوع 9 التالي
                [5/8 ucs2 38]
                للمساعدة اتصلوا بالرقم
                0 رجوع 9 التالي
                [6/8 ucs2 34]
                3939.
                1 أقرب وكالة
                0 رجوع 9 التالي
                [7/8 ucs2 35]
                2 اللائحة عبر رسالة
                0 رجوع 9 التالي
                [8/8 ucs2 34]
                قصيرة
                3 فئة أخرى
                0 رجوع 00 البداية
                ",
        );
    }

    #[test]
    fn what_is_over_the_limit_alone() {
        // A pair of ESC and its septet, and an option that begins with a long word.
        check(
            "€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€
             1 Anticonstitutionnellement-anticonstitutionnellement
             2 Oui",
            FR,
            LIMIT_MIN,
            "
                [1/3 gsm7 59]
                €€€€€€€€€€€€€€€€€€€€€
                0 Retour 9 Suite
                [2/3 gsm7 60]
                €€€€€€€€€€€€€€
                1 Anticonstitu
                0 Retour 9 Suite
                [3/3 gsm7 54]
                tionnellement-anticonstitutionnellement
                2 Oui
                0 Retour
                ",
        );
        // A family of emoji is one drawn character; so is a letter with its vowel signs.
        check(
            "👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧 بَُِّبَُِّبَُِّبَُِّبَُِّبَُِّ",
            AR,
            LIMIT_MIN,
            "
                [1/3 ucs2 40]
                👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧
                0 رجوع 9 التالي
                [2/3 ucs2 35]
                👨‍👩‍👧
                0 رجوع 00 البداية 9 التالي
                [3/3 ucs2 37]
                بَُِّبَُِّبَُِّبَُِّبَُِّبَُِّ
                0 رجوع
                ",
        );
        // Keys that would leave no room are cut.
        check(
            "Un texte qui prend deux parties, puisque la limite est basse.",
            (
                "0 Retour à la page précédente",
                "00 Retour au menu de départ",
                "9 Lire la suite",
            ),
            LIMIT_MIN,
            "
                [1/2 gsm7 57]
                Un texte qui prend deux parties, puisque la limite
                0 00 9
                [2/2 gsm7 15]
                est basse.
                0 00
                ",
        );
    }

    #[test]
    fn a_list_goes_on() {
        let mut list = content("Votre ville ?\n1 Exemple\n2 Exemple", FR);
        list.more = true;
        check_content(
            &list,
            Limit::USSD,
            "
                [1/1 gsm7 59]
                Votre ville ?
                1 Exemple
                2 Exemple
                0 Retour 00 Début 9 Suite
                ",
        );
    }

    #[test]
    fn no_limit_is_too_small_to_end() {
        for septets in 0..60 {
            let limit = Limit {
                septets,
                units: septets,
            };
            for text in ["", "a", "Un deux trois\n1 Quatre", "مرحبا"] {
                assert!(fit(&content(text, FR), limit, 0).parts >= 1);
            }
        }
    }
}
