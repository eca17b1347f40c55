//! The report as a page of its own, to send to the other side.

use crate::conformance::report::{Line, Outcome, Report};

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8886; --good: #1a7f37; --bad: #c62828; --none: #777; }
@media (prefers-color-scheme: dark) { :root { --good: #4cc26a; --bad: #ff7b72; --none: #999; } }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
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
.key { color: var(--none); font-size: .85rem; margin-top: .5rem; }
@media (max-width: 40rem) { .head { grid-template-columns: 4rem 1fr; } .head > :last-child { grid-column: 2; } }
";

/// The whole page. It loads nothing from anywhere.
pub fn page(report: &Report) -> String {
    let (pass, fail, not_run) = (
        report.count(Outcome::Pass),
        report.count(Outcome::Fail),
        report.count(Outcome::NotRun),
    );
    let lines: String = report.lines.iter().map(line).collect();
    let failed: String = report
        .failed()
        .iter()
        .map(|name| format!("<li><a href=\"#{name}\">{}</a></li>", text(name)))
        .collect();
    let failed = match failed.as_str() {
        "" => String::new(),
        links => format!("<ul class=\"name\">{links}</ul>\n"),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Conformance: {operator}</title>\n<style>{STYLE}</style>\n\
         <h1>Conformance of a gateway with {operator}</h1>\n\
         <p class=\"sample\">All subscribers, sessions and texts here are <b>sample data</b>.</p>\n\
         <dl><dt>Gateway</dt><dd>{target}</dd><dt>Shape</dt><dd>{shape}</dd>\
         <dt>Operator's document</dt><dd>{document}</dd><dt>When</dt><dd>{at}</dd>\
         <dt>Seed</dt><dd>{seed}</dd></dl>\n\
         <p class=\"sum\">{pass} pass, {fail} fail, {not_run} not run</p>\n{failed}{lines}</html>\n",
        operator = text(&report.operator),
        target = text(&report.target),
        shape = text(&report.shape),
        document = text(&report.document),
        at = text(&report.at),
        seed = report.seed,
    )
}

fn line(line: &Line) -> String {
    let (class, open) = match line.outcome {
        Outcome::Pass => ("pass", ""),
        Outcome::Fail => ("fail", " open"),
        Outcome::NotRun => ("none", ""),
    };
    let head = format!(
        "<span class=\"head\"><span class=\"word\">{}</span><span class=\"name\">{}</span>\
         <span>{}</span></span>",
        line.outcome.word(),
        text(line.name),
        text(&line.expected)
    );
    let block = |title: &str, bytes: &str| match bytes {
        "" => String::new(),
        bytes => format!("<div class=\"key\">{title}</div><pre>{}</pre>", text(bytes)),
    };
    let came = match line.outcome {
        Outcome::NotRun => "why not",
        Outcome::Pass | Outcome::Fail => "what came",
    };
    format!(
        "<details id=\"{}\" class=\"{class}\"{open}><summary>{head}</summary>{}{}\
         <div class=\"key\">clause</div><div>{}</div></details>\n",
        text(line.name),
        block("what was sent", &line.sent),
        block(came, &line.came),
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

    #[test]
    fn what_came_is_text_and_no_markup() {
        let verdict = Verdict::Fail {
            expected: "a screen".into(),
            sent: "GET /".into(),
            came: "<script>alert(1)</script>".into(),
        };
        let report = Report {
            data: "sample data",
            shape: "x".into(),
            operator: "A & B".into(),
            document: String::new(),
            target: "http://h".into(),
            seed: 7,
            at: String::new(),
            lines: vec![Line::new("ussd.new", "the first", "c".into(), verdict)],
        };
        let page = page(&report);
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
        assert!(page.contains("sample data") && page.contains("A &amp; B"));
        assert!(!page.contains("http://h\"") && !page.contains("src="));
    }
}
