//! Two results side by side as one page.

use super::charts;
use super::text::escaped;
use super::{document, tables};
use crate::compare::{Comparison, Row, Verdict};
use crate::latency::CurvePoint;
use crate::report::{Curves, Report};

type CurveOf = fn(&Curves) -> &[CurvePoint];

/// The whole file.
pub(crate) fn comparison(compared: &Comparison<'_>) -> String {
    let mut body = String::from("<h1>Load tests compared</h1>\n");
    for (letter, (name, report)) in ["A", "B"].iter().zip(compared.names.iter().zip(compared.reports)) {
        let (name, setup, verdict) = (escaped(name), escaped(&report.setup), report.verdict());
        body += &format!("<p class=\"soft\"><strong>{letter}</strong> {name} ({verdict}): {setup}</p>\n");
    }
    let (class, verdict) = if compared.is_worse() { ("fail", "WORSE") } else { ("pass", "OK") };
    let claim = escaped(&compared.claim());
    body += &format!(
        "<section class=\"card verdict {class}\"><strong>{verdict}</strong><p>{claim}</p></section>\n"
    );
    body += &differences(compared);
    body += &format!("<h2>Figures</h2>\n<div class=\"card\">{}</div>\n", figures(compared));
    body += "<h2>Curves</h2>\n<div class=\"charts\">\n";
    let roads: [(&str, CurveOf); 4] = [
        ("put to push", |curves| &curves.put_to_push),
        ("put to the last consumer", |curves| &curves.last_of_all),
        ("put to acknowledgement", |curves| &curves.put_ack),
        ("put to pull", |curves| &curves.put_to_pull),
    ];
    for (name, of) in roads {
        let [a, b] = compared.reports.map(|report| of(&report.curves));
        let curves = [("A".to_owned(), "s1", a), ("B".to_owned(), "s2", b)];
        let curves: Vec<_> = curves.into_iter().filter(|curve| !curve.2.is_empty()).collect();
        if !curves.is_empty() {
            body += &charts::percentiles(&format!("By percentile, {name}"), &curves).figure();
        }
    }
    body += "</div>\n<h2>How each was run</h2>\n<div class=\"charts\">\n";
    for report in compared.reports {
        body += &origin(report);
    }
    document("Load tests compared", &(body + "</div>\n"))
}

fn origin(report: &Report) -> String {
    let (environment, command) = (tables::environment(report), escaped(&report.origin.command));
    format!("<section class=\"card stack\">{environment}<pre>{command}</pre></section>\n")
}

fn differences(compared: &Comparison<'_>) -> String {
    if compared.differences.is_empty() {
        return "<p class=\"soft\">Settings and machine are the same in both.</p>\n".into();
    }
    let item = |(name, a, b): &(String, String, String)| {
        format!("<li>{}: A {}, B {}</li>", escaped(name), escaped(a), escaped(b))
    };
    let items: String = compared.differences.iter().map(item).collect();
    format!(
        "<section class=\"card verdict warn\"><strong>The runs are not alike</strong>\
         <p>Their figures may differ for that alone.</p><ul>{items}</ul></section>\n"
    )
}

fn figures(compared: &Comparison<'_>) -> String {
    let row = |row: &Row| {
        let class = match row.verdict {
            Verdict::Worse => " class=\"bad\"",
            Verdict::Better => " class=\"good\"",
            _ => "",
        };
        let ratio = row.ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"));
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{ratio}</td>\
             <td>±{:.0} %</td><td{class}>{}</td></tr>\n",
            row.name,
            Row::figure(row.a),
            Row::figure(row.b),
            row.noise * 100.0,
            row.verdict.words()
        )
    };
    let rows: String = compared.rows.iter().map(row).collect();
    let heads =
        ["", "A", "B", "B/A", "noise", ""].map(|head| format!("<th scope=\"col\">{head}</th>")).concat();
    format!("<div class=\"scroll\"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>")
}
