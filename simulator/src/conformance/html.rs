//! The report as a page of its own, to send to the other side.

use crate::conformance::report::{Line, Outcome, Report};
use crate::conformance::shown::LEGEND;

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8886; --good: #1a7f37; --bad: #c62828; --none: #777; }
@media (prefers-color-scheme: dark) { :root { --good: #4cc26a; --bad: #ff7b72; --none: #999; } }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
.sample { border: 1px solid var(--line); border-radius: .4rem; padding: .35rem .7rem; display: inline-block; margin: .5rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0; }
dt { color: var(--none); } dd { margin: 0; overflow-wrap: anywhere; }
.sum { font-size: 1.15rem; font-weight: 600; margin: 1rem 0; }
details, .row { border-top: 1px solid var(--line); padding: .4rem 0; }
summary { cursor: pointer; }
.head { display: inline-grid; grid-template-columns: 4.5rem 13rem 1fr; gap: .5rem; width: calc(100% - 1.5rem); vertical-align: top; }
.name { font-family: ui-monospace, monospace; font-size: .9em; }
.pass .word { color: var(--good); } .fail .word { color: var(--bad); font-weight: 700; } .none { color: var(--none); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); border-radius: .4rem; padding: .6rem; margin: .3rem 0; font-size: .85rem; unicode-bidi: plaintext; }
.why { font-style: italic; }
.key { color: var(--none); font-size: .85rem; margin-top: .5rem; }
@media (max-width: 40rem) { .head { grid-template-columns: 4rem 1fr; } .head > :last-child { grid-column: 2; } }
";

/// What begins a name, and what its lines are about.
const GROUPS: &[(&str, &str)] = &[
    ("ussd", "Sessions"),
    ("repeat", "Repeats"),
    ("typed", "What is typed"),
    ("answer", "Answers"),
    ("sms", "Texts from subscribers"),
    ("mt", "Texts to subscribers"),
    ("receipt", "Receipts"),
    ("error", "Errors"),
    ("auth", "Who may call"),
];

/// The whole page. It loads nothing from anywhere.
pub fn page(report: &Report) -> String {
    let (pass, fail, not_run) = (
        report.count(Outcome::Pass),
        report.count(Outcome::Fail),
        report.count(Outcome::NotRun),
    );
    let mut lines = String::new();
    let mut before = "";
    for one in &report.lines {
        let group = one.name.split('.').next().unwrap_or_default();
        if group != before {
            let known = GROUPS.iter().find(|(known, _)| *known == group);
            let title = known.map_or(group, |(_, title)| title);
            lines.push_str(&format!("<h2>{}</h2>\n", text(title)));
            before = group;
        }
        lines.push_str(&line(one));
    }
    let failed: String = report
        .lines
        .iter()
        .filter(|line| line.outcome == Outcome::Fail)
        .map(|line| {
            let name = text(line.name);
            let check = text(line.check);
            format!("<li><a class=\"name\" href=\"#{name}\">{name}</a> {check}</li>")
        })
        .collect();
    let failed = match failed.as_str() {
        "" => String::new(),
        links => format!("<ul>{links}</ul>\n"),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Conformance: {operator}</title>\n<style>{STYLE}</style>\n\
         <h1>Conformance of a gateway with {operator}</h1>\n\
         <p>A simulator acted as {operator} before this gateway: it sent what that operator sends, \
         good and bad, and compared the answers with the operator's document and with the \
         gateway's guide. Each line is a check; open it to see what was sent and what came. A \
         check that the operator's contract or the link's authentication has no room for was not \
         run, and says why.</p>\n\
         <p class=\"sample\">All subscribers, sessions and texts here are <b>sample data</b>.</p>\n\
         <dl><dt>Gateway</dt><dd>{target}</dd><dt>Shape</dt><dd>{shape}</dd>\
         <dt>Operator's document</dt><dd>{document}</dd><dt>When</dt><dd>{at}</dd>\
         <dt>Seed</dt><dd>{seed}; with <code>--seed</code> an empty gateway gets the same \
         subscribers and sessions again</dd>\
         <dt>Bytes</dt><dd>{legend}</dd></dl>\n\
         <p class=\"sum\">{pass} pass, {fail} fail, {not_run} not run</p>\n{failed}{lines}</html>\n",
        operator = text(&report.operator),
        target = text(&report.target),
        shape = text(&report.shape),
        document = text(&report.document),
        at = text(&report.at),
        seed = report.seed,
        legend = text(LEGEND),
    )
}

fn line(line: &Line) -> String {
    let (class, open) = match line.outcome {
        Outcome::Pass => ("pass", ""),
        Outcome::Fail => ("fail", " open"),
        Outcome::NotRun => ("none", ""),
    };
    let why = match line.why.as_str() {
        "" => String::new(),
        why => format!("<br><span class=\"why\">{}</span>", text(why)),
    };
    let head = format!(
        "<span class=\"head\"><span class=\"word\">{}</span><span class=\"name\">{}</span>\
         <span>{}{why}</span></span>",
        line.outcome.word(),
        text(line.name),
        text(line.check)
    );
    let block = |title: &str, bytes: &str| match bytes {
        "" => String::new(),
        bytes => format!("<div class=\"key\">{title}</div><pre>{}</pre>", text(bytes)),
    };
    format!(
        "<details id=\"{}\" class=\"{class}\"{open}><summary>{head}</summary>{}{}{}\
         <div class=\"key\">which clause says so</div><div>{}</div></details>\n",
        text(line.name),
        block("what was expected", &line.expected),
        block("what was sent", &line.sent),
        block("what came", &line.came),
        text(&line.clause)
    )
}

fn text(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::conformance::report::Verdict;
    use crate::conformance::shown::escaped;

    fn report(verdict: Verdict) -> Report {
        Report {
            data: "sample data",
            shape: "x".into(),
            operator: "A & B".into(),
            document: String::new(),
            target: "http://h".into(),
            seed: 7,
            at: String::new(),
            lines: vec![Line::new("ussd.new", "the first", "c".into(), verdict)],
        }
    }

    #[test]
    fn what_came_is_text_and_no_markup() {
        let page = page(&report(Verdict::Fail {
            expected: "a screen".into(),
            sent: "GET /".into(),
            came: "<script>alert(1)</script>".into(),
        }));
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
        assert!(page.contains("sample data") && page.contains("A &amp; B"));
        assert!(!page.contains("http://h\"") && !page.contains("src="));
    }

    #[test]
    fn a_body_is_escaped_once_and_stands_where_it_belongs() {
        let body = r#"{"text":"a\nb","more":"<&>"}"#;
        let page = page(&report(Verdict::Fail {
            expected: "status 400".into(),
            sent: format!("POST /\n\n{}", escaped(body.as_bytes())),
            came: format!("status 200\n\n{}", escaped(b"CON a\nb")),
        }));
        for block in [
            "what was expected</div><pre>status 400</pre>",
            "what was sent</div><pre>POST /\n\n{&quot;text&quot;:&quot;a\\nb&quot;,\
             &quot;more&quot;:&quot;&lt;&amp;&gt;&quot;}</pre>",
            "what came</div><pre>status 200\n\nCON a␊\nb</pre>",
            "<h2>Sessions</h2>",
            "<li><a class=\"name\" href=\"#ussd.new\">ussd.new</a> the first</li>",
        ] {
            assert!(page.contains(block), "{block}\n{page}");
        }
    }

    #[test]
    fn what_was_not_run_says_why_on_its_line() {
        let page = page(&report(Verdict::not_run("there is none")));
        let head = page.split("<summary>").nth(1).unwrap();
        let head = head.split("</summary>").next().unwrap();
        assert!(head.contains("there is none"), "{head}");
        assert!(!page.contains("what came</div>"), "{page}");
    }
}
